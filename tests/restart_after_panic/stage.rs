//! A node without a network: the backend over the embedded store, and players whose sockets are recorded.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use guildhall::adapters::embedded::Embedded;
use guildhall_actors::backend::{Backend, Game, LeaveOnDisconnect, Ports, Settings};
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::close::Close;
use guildhall_actors::connection::{Incoming, PlayerConnection};
use guildhall_actors::event::EventBody;
use guildhall_actors::fanout::{Fanout, Listeners, WorkerId};
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId, NodeId, PlayerId};
use guildhall_actors::limits::{ChatLimits, ConnectionLimits, LogLimits, OutboxLimits, SessionLimits};
use guildhall_actors::outbox::Outbox;
use guildhall_actors::ports::{ChannelKind, ChannelSpec, Owner, PlayerState};
use guildhall_actors::testing::{RecordingWire, plain_framing};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::explosive::{self, Explosive};
use crate::redis::store::open;
use crate::support::client::{chat_body, login_body};
use crate::support::deployment::is_cluster;
use crate::support::key::{LoginKey, now_ms};
use crate::support::node::{GAME_INDEX, LOGIN_KEY_SECRET};
use crate::support::redis::RedisServer;
use crate::support::{ROOM, eventually, within};

/// How a close frame begins in a recording, after the end of a packet or at the start.
const CLOSE: &str = "close ";

/// A backend with one worker: this thread.
pub(crate) struct Stage {
    pub(crate) backend: Backend,
    /// The store itself, which never panics.
    pub(crate) ports: Ports,
    listeners: Rc<Listeners>,
    worker: WorkerId,
    ground: Rc<Ground>,
}

/// What the store stands on.
enum Ground {
    /// The embedded store's folder.
    Folder(#[expect(dead_code, reason = "kept until the last node has gone")] TempDir),
    Server(RedisServer),
}

/// A player whose socket is recorded.
pub(crate) struct Player {
    pub(crate) id: i64,
    connection: Addr<PlayerConnection>,
    wire: Rc<RecordingWire>,
    outbox: Rc<Outbox>,
    requests: u32,
    /// Words heard and already told of.
    heard: usize,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
        let store = Embedded::open(&folder.path().join("data"), LogLimits::default(), Duration::from_secs(300));
        let ports = store.expect("a fresh folder opens").ports();
        let explosive = Arc::new(Explosive(ports.clone()));
        let fuses = Ports { channels: explosive.clone(), players: explosive, ..ports.clone() };
        Self::on("stage", ports, fuses, Rc::new(Ground::Folder(folder)))
    }

    /// A node over the store of the deployment that the tests run against.
    pub(crate) async fn deployed() -> Self {
        if !is_cluster() {
            return Self::new();
        }
        let server = RedisServer::start().await;
        let ports = open(vec![server.url()]).await.ports();
        Self::on("stage", ports.clone(), ports, Rc::new(Ground::Server(server)))
    }

    /// The same store as another process would see it.
    pub(crate) async fn seen_by_another(&self) -> Ports {
        match &*self.ground {
            Ground::Folder(_) => self.ports.clone(),
            Ground::Server(server) => open(vec![server.url()]).await.ports(),
        }
    }

    /// Another node in the same store, which it sees through `seen`.
    pub(crate) fn beside(&self, node: &str, seen: Ports) -> Self {
        Self::on(node, self.ports.clone(), seen, self.ground.clone())
    }

    fn on(node: &str, ports: Ports, seen: Ports, ground: Rc<Ground>) -> Self {
        let game = Game::new(GameId::new("demo"), GAME_INDEX, LOGIN_KEY_SECRET.as_bytes().to_vec());
        let clock = Clock::new(|| Timestamp(now_ms()));
        let backend = Backend::start(NodeId::new(node), seen, clock, settings(), [game], rand::random);
        let listeners = Rc::new(Listeners::default());
        let worker = backend.add_worker(Fanout::new(listeners.clone()).start());
        Self { backend, ports, listeners, worker, ground }
    }

    pub(crate) fn key(&self) -> ChannelKey {
        GameId::new("demo").channel(ChannelId::parse(ROOM).expect("a channel id"))
    }

    /// Makes the channel, and its members, who have heard nothing yet.
    pub(crate) async fn room<const N: usize>(&self, kind: ChannelKind, players: [i64; N]) -> [Player; N] {
        let spec = ChannelSpec {
            kind,
            name: ROOM.to_owned(),
            max_members: 100,
            password: None,
            password_revision: 0,
            history: true,
            owner: Owner::System,
        };
        self.backend.create_channel(&self.key(), spec, &[]).await.expect("a new channel");
        let mut members = Vec::new();
        for player in players {
            members.push(self.member(player).await);
        }
        members.try_into().unwrap_or_else(|_| unreachable!("one member per player"))
    }

    /// A player who has just entered, and was told so.
    pub(crate) async fn member(&self, player: i64) -> Player {
        let member = self.log_in(player, "CONNECT").await;
        let key = GameId::new("demo").player(PlayerId(player));
        self.backend.enter(&key, &self.key().channel, None).await.expect("the player enters");
        member.expect_packet("NOTIFY_ENTER_CHANNEL").await;
        member
    }

    pub(crate) async fn log_in(&self, player: i64, packet_type: &str) -> Player {
        let mut player = self.connection(player);
        let body = login_body(player.id, &LoginKey::of(player.id).sign());
        assert_eq!(player.request(packet_type, body).await, 200);
        player
    }

    /// A login, whatever becomes of it.
    pub(crate) async fn try_login_as(&self, player: i64, packet_type: &str) -> Player {
        let player = self.connection(player);
        let body = login_body(player.id, &LoginKey::of(player.id).sign());
        let packet = json!({ "packetType": packet_type, "body": body });
        let _ = player.connection.send(Incoming(packet.to_string())).await; // an answer, or the actor's end
        player
    }

    /// CONNECT, whatever becomes of it.
    pub(crate) async fn try_log_in(&self, player: i64) {
        let body = login_body(player, &LoginKey::of(player).sign());
        let packet = json!({ "packetType": "CONNECT", "body": body });
        let sent = self.connection(player).connection.send(Incoming(packet.to_string()));
        let _ = within("the end of a login", sent).await; // an answer, or the actor's end
    }

    /// A socket on which nothing was said yet.
    pub(crate) fn connection(&self, player: i64) -> Player {
        let wire = RecordingWire::taking(usize::MAX);
        let outbox = Outbox::new(wire.clone(), plain_framing(), OutboxLimits::default());
        let id = self.backend.new_connection_id();
        let connection =
            PlayerConnection::new(id, self.worker, self.backend.clone(), self.listeners.clone(), outbox.clone())
                .start();
        Player { id: player, connection, wire, outbox, requests: 0, heard: 0 }
    }

    /// What the store itself knows of a player.
    pub(crate) async fn look_up(&self, player: i64) -> PlayerState {
        let key = GameId::new("demo").player(PlayerId(player));
        self.ports.players.look_up(&key).await.expect("the store answers")
    }

    pub(crate) async fn members(&self) -> Vec<i64> {
        let members = self.ports.channels.members(&self.key()).await.expect("the store answers");
        members.iter().map(|member| member.player.0).collect()
    }

    /// The texts in the log, in their order.
    pub(crate) async fn history(&self) -> Vec<String> {
        let now = self.backend.now();
        let history = self.ports.channels.history(&self.key(), None, 10_000, 0, now).await;
        let messages = history.expect("the store answers").messages;
        let text = |body: EventBody| match body {
            EventBody::Chat { message, .. } => message.to_string(),
            other => panic!("not a chat message: {other:?}"),
        };
        messages.into_iter().map(|event| text(event.body)).collect()
    }
}

pub(super) fn settings() -> Settings {
    Settings {
        connection: ConnectionLimits { chat_per_sec: 100_000, chat_burst: 1_000_000, ..ConnectionLimits::default() },
        outbox: OutboxLimits::default(),
        chat: ChatLimits::default(),
        session: SessionLimits::default(),
        leave_on_disconnect: LeaveOnDisconnect::All,
        replay_on_reconnect: true,
        channel_linger: Duration::from_secs(30),
        framing: explosive::framing(),
    }
}

impl Player {
    /// Says something in the channel; the status of the answer.
    pub(crate) async fn say(&mut self, text: &str) -> i64 {
        let body = chat_body(self.id, ROOM, text);
        self.request("CHANNEL_CHAT", body).await
    }

    /// Its socket takes nothing more.
    pub(crate) fn stops_reading(&self) {
        self.wire.take_more(0);
    }

    /// A whisper that ends its own connection.
    pub(crate) async fn whisper_into_the_void(&mut self, to: i64) {
        let packet = json!({ "packetType": "DIRECT_CHAT", "body": chat_body(self.id, to, "boom") });
        let sent = self.connection.send(Incoming(packet.to_string()));
        within("the end of the actor", sent).await.expect_err("the connection crashed");
    }

    pub(crate) async fn request(&mut self, packet_type: &str, body: Value) -> i64 {
        self.requests += 1;
        let id = format!("{}-{}", self.id, self.requests);
        let packet = json!({ "packetType": packet_type, "correlationId": id, "body": body });
        let sent = self.connection.send(Incoming(packet.to_string()));
        within("an answer", sent).await.expect("the connection lives");
        let answer = self.packets().into_iter().find(|packet| packet["correlationId"] == id.as_str());
        answer.expect("an answer")["status"].as_i64().expect("a status")
    }

    /// Waits until a packet of this type has come.
    pub(crate) async fn expect_packet(&self, packet_type: &str) {
        let came = async || self.packets().iter().any(|packet| packet["packetType"] == packet_type).then_some(());
        eventually(packet_type, came).await;
    }

    /// The next `count` chats and notices; nothing may follow them.
    pub(crate) async fn hears(&mut self, count: usize) -> Vec<String> {
        let enough = async || (self.words().len() >= self.heard + count).then_some(());
        eventually(&format!("player {} hears {count} more than {:?}", self.id, self.words()), enough).await;
        let words = self.words().split_off(self.heard);
        self.heard += words.len();
        words
    }

    fn words(&self) -> Vec<String> {
        let is_word = |packet: &Value| {
            ["NOTIFY_CHANNEL_CHAT", "NOTIFY_CHANNEL_NOTICE"].iter().any(|known| packet["packetType"] == *known)
        };
        let text = |packet: Value| packet["body"]["message"].as_str().expect("a text").to_owned();
        self.packets().into_iter().filter(is_word).map(text).collect()
    }

    /// Says any text; `false` when the connection ended before it had dealt with it.
    pub(crate) async fn say_anything(&mut self, text: &str) -> bool {
        within("a request is dealt with", self.connection.send(Incoming(text.to_owned()))).await.is_ok()
    }

    pub(crate) fn written_bytes(&self) -> usize {
        self.wire.written().len()
    }

    /// The code with which the server closed, whether the socket has taken the close frame or not.
    pub(crate) fn closing_code(&self) -> Option<u16> {
        self.outbox.closing().map(Close::code)
    }

    /// The session id that a successful login was answered with.
    pub(crate) fn session_id(&self) -> Option<String> {
        self.packets().iter().find_map(|packet| packet["body"]["sessionId"].as_str().map(str::to_owned))
    }

    /// Every chat and notice so far.
    pub(crate) fn written_words(&self) -> Vec<String> {
        self.words()
    }

    /// The code with which the server closed, once it did.
    pub(crate) fn close_code(&self) -> Option<u16> {
        let written = self.wire.written();
        let (_, close) = written.rsplit_once(CLOSE)?;
        Some(close.split(' ').next().and_then(|code| code.parse().ok()).expect("a close has a code"))
    }

    /// Everything the socket was given.
    pub(crate) fn packets(&self) -> Vec<Value> {
        let written = self.wire.written();
        let written = written.rsplit_once(CLOSE).map_or(written.as_str(), |(packets, _)| packets);
        serde_json::Deserializer::from_str(written).into_iter().map(|packet| packet.expect("JSON")).collect()
    }
}
