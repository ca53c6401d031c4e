//! The game backend of one node: its ports, its registries, its clock and settings, behind one cheap handle.
//!
//! What concerns several nouns at once (a player enters a channel, a login replaces another) is a sequence of
//! idempotent steps here, one file per story. Each step is durable before the next, and each story says what repairs
//! it when the process ends in between.

mod audit;
mod cafe;
mod connections;
mod hand_over;
mod keeper;
mod kick;
mod lease;
mod login;
mod login_gate;
mod mail;
mod membership;
mod play;
mod publish;
mod reclaim;
mod recovery;
mod registry;
mod restore;
mod settings;
mod suspension;
mod webhook;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use actix::prelude::*;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

pub use cafe::{CafeView, PcView};
pub use keeper::{CrashNote, Crashed};
pub use login::{LogIn, LogInError, LoggedIn, Mode};
pub use membership::{DeleteError, EnterError};
pub use play::Arrival;
pub use reclaim::{Membership, Reclaimed};
pub use settings::{Game, LeaveOnDisconnect, Settings};
pub use webhook::{IN_PROGRESS, Taken};

use crate::clock::{Clock, Timestamp};
use crate::fanout::{Fanout, WorkerId};
use crate::ids::{ConnectionId, GameId, LoginId, NodeId};
use crate::ports::{Channels, Inbox, Nodes, Players, Sessions};
use crate::session::Transactor;
use connections::Connections;
use hand_over::Receipts;
use keeper::Keeper;
use kick::Kicks;
use login_gate::LoginGate;
use registry::ChatChannels;

/// The outside, as the node was given it.
#[derive(Clone)]
pub struct Ports {
    pub channels: Arc<dyn Channels>,
    pub players: Arc<dyn Players>,
    pub sessions: Arc<dyn Sessions>,
    pub nodes: Arc<dyn Nodes>,
    pub inbox: Arc<dyn Inbox>,
}

impl Ports {
    /// Every port on one adapter.
    pub fn on<T>(adapter: Arc<T>) -> Self
    where
        T: Channels + Players + Sessions + Nodes + Inbox + 'static,
    {
        Self {
            channels: adapter.clone(),
            players: adapter.clone(),
            sessions: adapter.clone(),
            nodes: adapter.clone(),
            inbox: adapter,
        }
    }
}

/// See the module's text.
#[derive(Clone)]
pub struct Backend(Arc<Inner>);

struct Inner {
    node: NodeId,
    ports: Ports,
    clock: Clock,
    settings: Settings,
    games_by_index: HashMap<i64, Arc<Game>>,
    /// Makes ids nobody can guess.
    random: fn() -> u128,
    transactor: Transactor,
    channels: ChatChannels,
    connections: Connections,
    login_gate: LoginGate,
    kicks: Kicks,
    receipts: Receipts,
    /// Nodes known to be dead whose logins may not have been ended yet.
    dead: watch::Sender<HashSet<NodeId>>,
    /// Whether the node has lost its lease and not got it back.
    lease_lost: AtomicBool,
    lease_not_renewed: AtomicBool,
    /// Held while connections are claimed anew: once at a time.
    reclaiming: tokio::sync::Mutex<()>,
    fanouts: Mutex<HashMap<WorkerId, Addr<Fanout>>>,
    next_worker: AtomicUsize,
    next_connection: AtomicU64,
    keeper: Keeper,
    /// Rings when a webhook is recorded.
    events: watch::Sender<()>,
    ending: AtomicBool,
    /// Stories under way, so that a shutdown can wait for them.
    running: AtomicUsize,
    idle: Notify,
}

impl Backend {
    /// Starts the keeper on the current thread, which must outlive the workers.
    pub fn start(
        node: NodeId,
        ports: Ports,
        clock: Clock,
        settings: Settings,
        games: impl IntoIterator<Item = Game>,
        random: fn() -> u128,
    ) -> Self {
        let (keeper, crashes) = Keeper::new();
        let transactor = Transactor::new(ports.sessions.clone(), clock.clone());
        let games_by_index = games.into_iter().map(|game| (game.index, Arc::new(game))).collect();
        let backend = Self(Arc::new(Inner {
            node,
            ports,
            clock,
            settings,
            games_by_index,
            random,
            transactor,
            channels: ChatChannels::default(),
            connections: Connections::default(),
            login_gate: LoginGate::default(),
            kicks: Kicks::default(),
            receipts: Receipts::default(),
            dead: watch::Sender::default(),
            lease_lost: AtomicBool::new(false),
            lease_not_renewed: AtomicBool::new(false),
            reclaiming: tokio::sync::Mutex::default(),
            fanouts: Mutex::default(),
            next_worker: AtomicUsize::new(0),
            next_connection: AtomicU64::new(0),
            keeper,
            events: watch::Sender::new(()),
            ending: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            idle: Notify::new(),
        }));
        actix::spawn(keeper::watch(backend.clone(), crashes));
        backend
    }

    pub fn node(&self) -> &NodeId {
        &self.0.node
    }

    pub fn ports(&self) -> &Ports {
        &self.0.ports
    }

    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub fn game_by_index(&self, index: i64) -> Option<Arc<Game>> {
        self.0.games_by_index.get(&index).cloned()
    }

    pub fn game(&self, id: &GameId) -> Option<Arc<Game>> {
        self.0.games_by_index.values().find(|game| game.id == *id).cloned()
    }

    /// 128 bits nobody can guess.
    pub(crate) fn random(&self) -> u128 {
        (self.0.random)()
    }

    pub fn new_login_id(&self) -> LoginId {
        LoginId::new(&format!("{:032x}", self.random()))
    }

    pub fn new_connection_id(&self) -> ConnectionId {
        ConnectionId(self.0.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// Registers the fan-out of a worker thread.
    pub fn add_worker(&self, fanout: Addr<Fanout>) -> WorkerId {
        let id = WorkerId(self.0.next_worker.fetch_add(1, Ordering::Relaxed));
        self.0.fanouts.lock().insert(id, fanout);
        id
    }

    pub fn fanout(&self, worker: WorkerId) -> Option<Addr<Fanout>> {
        self.0.fanouts.lock().get(&worker).cloned()
    }

    pub fn fanouts(&self) -> Vec<(WorkerId, Addr<Fanout>)> {
        self.0.fanouts.lock().iter().map(|(id, fanout)| (*id, fanout.clone())).collect()
    }

    /// Runs a story to its end even when nobody waits for it any more: a request that is given up half way must not
    /// leave its work half done.
    pub fn spawn<F>(&self, story: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future<Output: 'static> + 'static,
    {
        let running = Running::new(self.clone());
        let task = actix::spawn(async move {
            let _running = running;
            story.await
        });
        async { task.await.expect("a story neither panics nor is aborted while its thread lives") }
    }

    /// The node ends: actors go with their threads, and that is no crash.
    pub fn end(&self) {
        self.0.ending.store(true, Ordering::SeqCst);
    }

    fn is_ending(&self) -> bool {
        self.0.ending.load(Ordering::SeqCst)
    }

    /// Waits until no story is under way.
    pub async fn wait_idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.0.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }
}

/// Counts a story while it runs, also when it is dropped or panics.
struct Running(Backend);

impl Running {
    fn new(backend: Backend) -> Self {
        backend.0.running.fetch_add(1, Ordering::SeqCst);
        Self(backend)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.0.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.0.idle.notify_waiters();
        }
    }
}
