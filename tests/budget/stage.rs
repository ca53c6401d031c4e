//! A node without a network: the backend over the embedded store, and players whose sockets keep nothing.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Duration;

use actix::prelude::*;
use guildhall::adapters::embedded::Embedded;
use guildhall::clock;
use guildhall::metrics::{self, Exposition};
use guildhall_actors::backend::{Backend, Game, LeaveOnDisconnect, Settings};
use guildhall_actors::clock::Clock;
use guildhall_actors::connection::{Incoming, PlayerConnection};
use guildhall_actors::fanout::{Fanout, Listeners, WorkerId};
use guildhall_actors::ids::{ChannelId, GameId, NodeId, PlayerId};
use guildhall_actors::limits::{ChatLimits, ConnectionLimits, LogLimits, OutboxLimits, SessionLimits};
use guildhall_actors::outbox::{Outbox, Wire};
use guildhall_actors::ports::{ChannelKind, ChannelSpec, Owner};
use guildhall_actors::testing::plain_framing;
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::players::{self, GAME, GAME_INDEX, LOGIN_KEY_SECRET};

/// For anything that should happen, on a loaded machine and a debug build.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Later than the end of every test.
const NEVER: Duration = Duration::from_secs(86_400);

/// Metrics cost what they cost in a server.
static METRICS: OnceLock<Exposition> = OnceLock::new();

/// A backend with one worker: this thread.
pub(crate) struct Stage {
    backend: Backend,
    listeners: Rc<Listeners>,
    worker: WorkerId,
    pub(crate) heard: Rc<Heard>,
    _folder: TempDir,
}

/// What all sockets together were given.
#[derive(Default)]
pub(crate) struct Heard {
    /// Responses of success.
    pub(crate) successes: Cell<usize>,
    /// Players told that somebody entered.
    pub(crate) entries: Cell<usize>,
    pub(crate) chats: Cell<usize>,
    /// Anything else, the last of it: nobody asks for it.
    other: RefCell<Option<String>>,
    changed: Notify,
}

/// A socket that takes everything.
struct Sink(Rc<Heard>);

/// A player who is connected.
pub(crate) struct Player {
    id: i64,
    connection: Addr<PlayerConnection>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        METRICS.get_or_init(|| metrics::install().expect("the first in this process"));
        let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
        let store = Embedded::open(&folder.path().join("data"), LogLimits::default(), Duration::from_secs(300));
        let ports = store.expect("a fresh folder opens").ports();
        let game = Game::new(GameId::new(GAME), GAME_INDEX, LOGIN_KEY_SECRET.as_bytes().to_vec());
        let (node, clock) = (NodeId::new("stage"), Clock::new(clock::now));
        let backend = Backend::start(node, ports, clock, settings(), [game], rand::random);
        let listeners = Rc::new(Listeners::default());
        let worker = backend.add_worker(Fanout::new(listeners.clone()).start());
        Self { backend, listeners, worker, heard: Rc::default(), _folder: folder }
    }

    pub(crate) async fn connect(&self, id: i64) -> Player {
        let outbox = Outbox::new(Rc::new(Sink(self.heard.clone())), plain_framing(), OutboxLimits::default());
        let (backend, listeners) = (self.backend.clone(), self.listeners.clone());
        let connection =
            PlayerConnection::new(backend.new_connection_id(), self.worker, backend, listeners, outbox).start();
        let player = Player { id, connection };
        self.succeed(&player, players::connect(id)).await;
        player
    }

    /// Makes a channel and enters all of these, who have been told of each other in the end.
    pub(crate) async fn gather(&self, channel: &str, members: &[Player]) {
        let id = ChannelId::parse(channel).expect("a channel id");
        let key = GameId::new(GAME).channel(id.clone());
        self.backend.create_channel(&key, spec(channel, members.len()), &[]).await.expect("a new channel");
        let before = self.heard.entries.get();
        for member in members {
            let player = GameId::new(GAME).player(PlayerId(member.id));
            self.backend.enter(&player, &id, None).await.expect("the player enters");
        }
        // Each is told of itself and of all who come after.
        let told = members.len() * (members.len() + 1) / 2;
        self.heard.until("everybody is told of who entered", |heard| heard.entries.get() >= before + told).await;
    }

    /// Says something in a channel of so many members, and waits until all of them have heard it.
    pub(crate) async fn say(&self, sender: &Player, packet: String, members: usize) {
        let wanted = self.heard.chats.get() + members;
        self.succeed(sender, packet).await;
        self.heard.until("every member hears it", |heard| heard.chats.get() >= wanted).await;
        assert_eq!(self.heard.chats.get(), wanted, "every member once");
    }

    async fn succeed(&self, player: &Player, packet: String) {
        let successes = self.heard.successes.get();
        player.connection.send(Incoming(packet)).await.expect("the connection lives");
        self.heard.until("a response of success", |heard| heard.successes.get() > successes).await;
    }
}

impl Player {
    pub(crate) fn chat(&self, channel: &str, message: &str) -> String {
        players::chat(self.id, channel, message)
    }
}

impl Heard {
    async fn until(&self, what: &str, is_done: impl Fn(&Self) -> bool) {
        let done = async {
            while !is_done(self) {
                assert!(self.other.borrow().is_none(), "{what}, but: {:?}", self.other);
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"));
    }

    /// Each part of a write is one packet: the framing adds nothing.
    fn count(&self, packet: &[u8]) {
        let text = str::from_utf8(packet).expect("packets are text");
        let count = if text.starts_with(r#"{"packetType":"NOTIFY_CHANNEL_CHAT""#) {
            &self.chats
        } else if text.starts_with(r#"{"packetType":"NOTIFY_ENTER_CHANNEL""#) {
            &self.entries
        } else if text.contains(r#""status":200"#) {
            &self.successes
        } else {
            *self.other.borrow_mut() = Some(text.to_owned());
            return;
        };
        count.set(count.get() + 1);
    }
}

impl Wire for Sink {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        parts.iter().for_each(|part| self.0.count(part));
        self.0.changed.notify_one();
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn wake(&self) {}
}

/// The defaults, but for a sender who may talk as fast as the server answers, and for timers: a slow machine would see
/// them fire, and count what they allocate.
fn settings() -> Settings {
    let connection = ConnectionLimits {
        idle: NEVER,
        connect: NEVER,
        chat_per_sec: 100_000,
        chat_burst: 1_000_000,
        ..ConnectionLimits::default()
    };
    Settings {
        connection,
        outbox: OutboxLimits::default(),
        chat: ChatLimits::default(),
        session: SessionLimits::default(),
        leave_on_disconnect: LeaveOnDisconnect::All,
        replay_on_reconnect: true,
        channel_linger: NEVER,
        framing: plain_framing(),
    }
}

fn spec(name: &str, members: usize) -> ChannelSpec {
    ChannelSpec {
        kind: ChannelKind::Public,
        name: name.to_owned(),
        max_members: u32::try_from(members).expect("a small channel"),
        password: None,
        password_revision: 0,
        history: true,
        owner: Owner::System,
    }
}
