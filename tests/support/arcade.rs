//! A node in this process whose clock the test moves: the real store and the real routes, behind real sockets. By the
//! switch of the deployment it is two nodes on one Redis server, and calls alternate between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{App, HttpServer};
use guildhall::adapters::Store;
use guildhall::config::{self, Settings, Sources};
use guildhall::health::Health;
use guildhall::http::{self, Api};
use guildhall_actors::backend::{Backend, LeaveOnDisconnect, Settings as BackendSettings};
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::ids::NodeId;
use guildhall_actors::testing::plain_framing;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

use super::deployment::is_cluster;
use super::http::{send, success};
use super::node::ADMIN_KEY;
use super::play::{Cafe, GameServer, Launcher, Origin, Session, Venue};
use super::redis::RedisServer;
use super::within;

pub(crate) const DEMO_KEY: &str = "api-key-of-demo-0123456789";
pub(crate) const OTHER_KEY: &str = "api-key-of-other-0123456789";
pub(crate) const CAFE_SECRET: &str = "secret-of-cafe-east-0123456789";
const WEST_SECRET: &str = "secret-of-cafe-west-0123456789";
/// When every test begins: 2027-01-15T08:00:00.000Z.
pub(crate) const START_MS: i64 = 1_800_000_000_000;
/// Coins of the cafe `east` at the start.
pub(crate) const BALANCE: u64 = 10;

/// Two games at different prices, two cafes in different networks. Whoever calls stands behind a trusted proxy.
const TABLES: &str = r#"
[[games]]
name = "demo"
[games.playwave]
api_keys = ["api-key-of-demo-0123456789", "next-api-key-of-demo-0123456789"]
title = "The Demo"
place_id = "1818"

[[games]]
name = "other"
[games.playwave]
api_keys = ["api-key-of-other-0123456789"]
rate.coins = 3
rate.unit_sec = 30

[[cafes]]
id = "east"
secret = "secret-of-cafe-east-0123456789"
networks = ["127.0.0.0/8"]
balance = 10

[[cafes]]
id = "west"
secret = "secret-of-cafe-west-0123456789"
networks = ["198.51.100.0/24", "2001:db8::7"]
balance = 2
"#;

/// Has the node look for what is due; answered with how much that was.
type Sweep = oneshot::Sender<usize>;

/// See the module's text.
pub(crate) struct Arcade {
    now: Arc<AtomicI64>,
    pub(crate) venue: Venue,
    admin: Origin,
    nodes: Vec<Node>,
    sweeps: AtomicUsize,
    folder: TempDir,
    redis: Option<RedisServer>,
}

/// A node on a thread of its own.
struct Node {
    /// Closed: the node is to end.
    sweeps: Option<mpsc::UnboundedSender<Sweep>>,
    thread: Option<JoinHandle<()>>,
    public: String,
    admin: String,
}

/// Somebody who plays at a PC.
pub(crate) struct Seat {
    pub(crate) launcher: Launcher,
    pub(crate) session: Session,
}

impl Arcade {
    pub(crate) async fn open() -> Self {
        // While no time passes, no caller gets more calls.
        Self::open_with("limits.api_burst = 1000000").await
    }

    /// With more settings, as dotted TOML keys.
    pub(crate) async fn open_with(more: &str) -> Self {
        Self::open_nodes(more, if is_cluster() { 2 } else { 1 }).await
    }

    /// A single node whatever the deployment: each counts the calls that come to it.
    pub(crate) async fn open_alone(more: &str) -> Self {
        Self::open_nodes(more, 1).await
    }

    async fn open_nodes(more: &str, count: usize) -> Self {
        let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
        let redis = if is_cluster() { Some(RedisServer::start().await) } else { None };
        let store = match &redis {
            Some(server) => format!("store.kind = \"redis\"\nstore.url = [{:?}]", server.url()),
            None => format!("store.path = {:?}", folder.path().join("data")),
        };
        let settings = settings(&folder, &store, more);
        let now = Arc::new(AtomicI64::new(START_MS));
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(Node::start(nodes.len(), &settings, &now).await);
        }
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let clock = now.clone();
        let origin = Origin::new(nodes.iter().map(|node| node.public.clone()));
        let admin = Origin::new(nodes.iter().map(|node| node.admin.clone()));
        let venue = Venue { http, origin, now_ms: Arc::new(move || clock.load(Ordering::SeqCst)) };
        Self { now, venue, admin, nodes, sweeps: AtomicUsize::new(0), folder, redis }
    }

    /// Moves time, also back.
    pub(crate) fn advance(&self, seconds: i64) {
        self.advance_ms(seconds * 1000);
    }

    pub(crate) fn advance_ms(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// The node whose turn it is looks for what is due; how much that was.
    pub(crate) async fn sweep(&self) -> usize {
        let (order, done) = oneshot::channel();
        let turn = self.sweeps.fetch_add(1, Ordering::Relaxed);
        self.nodes[turn % self.nodes.len()].sweeps.as_ref().expect("the node runs").send(order).expect("the node runs");
        within("a sweep", done).await.expect("the store answers")
    }

    /// Lets time pass in which nobody is silent.
    pub(crate) async fn play_on(&self, seat: &Seat, seconds: i64) {
        for at in (0..seconds).step_by(100) {
            self.advance((seconds - at).min(100));
            seat.launcher.heartbeat().await.data();
            seat.session.heartbeat().await.data();
        }
    }

    /// The cafe in the network of the tests, with [`BALANCE`].
    pub(crate) fn east(&self) -> Cafe {
        let (id, secret) = ("east".to_owned(), CAFE_SECRET.to_owned());
        Cafe { venue: self.venue.clone(), id, secret, forwarded_for: None }
    }

    /// The cafe in 198.51.100.0/24, with 2 coins.
    pub(crate) fn west(&self) -> Cafe {
        Cafe { id: "west".to_owned(), secret: WEST_SECRET.to_owned(), ..self.east() }.from("198.51.100.7")
    }

    /// The server of the game `demo`: 1 coin a minute.
    pub(crate) fn demo(&self) -> GameServer {
        self.game_server(DEMO_KEY)
    }

    /// The server of the game `other`: 3 coins each half minute.
    pub(crate) fn other(&self) -> GameServer {
        self.game_server(OTHER_KEY)
    }

    pub(crate) fn game_server(&self, api_key: &str) -> GameServer {
        GameServer { venue: self.venue.clone(), api_key: api_key.to_owned() }
    }

    /// User 5001 plays `demo` on pc-1 of the cafe `east`.
    pub(crate) async fn seat(&self) -> Seat {
        let launcher = self.east().launcher("pc-1").await;
        let session = self.demo().session(&launcher.token("demo").await, "5001").await;
        Seat { launcher, session }
    }

    /// A request to the admin listener with an operator's key.
    pub(crate) async fn operator(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.admin_request(method, path).header("X-Admin-Key", ADMIN_KEY);
        send(path, body.iter().fold(request, |request, body| request.json(body))).await
    }

    /// A request to the admin listener with nothing added.
    pub(crate) fn admin_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.venue.http.request(method, self.admin.url(path))
    }

    /// `balance`, `credited` and `charged` of a cafe.
    pub(crate) async fn account(&self, cafe: &str) -> (u64, u64, u64) {
        let cafe = success(cafe, self.operator(Method::GET, &format!("/admin/v1/cafes/{cafe}"), None).await);
        let coins = |key: &str| cafe[key].as_u64().expect("coins");
        (coins("balance"), coins("credited"), coins("charged"))
    }

    /// Coins of the cafe `east`.
    pub(crate) async fn balance(&self) -> u64 {
        self.account("east").await.0
    }

    pub(crate) async fn credit(&self, cafe: &str, coins: u64) {
        let path = format!("/admin/v1/cafes/{cafe}/credit");
        success("credit", self.operator(Method::POST, &path, Some(json!({ "coins": coins }))).await);
    }

    /// Settlements that fit a query such as `cafe=east`, oldest first.
    pub(crate) async fn settlements(&self, query: &str) -> Vec<Value> {
        let found = self.operator(Method::GET, &format!("/admin/v1/settlements?{query}"), None).await;
        success("settlements", found)["settlements"].as_array().expect("a list").clone()
    }

    /// The one settlement of a session.
    pub(crate) async fn settlement(&self, session: &Session) -> Value {
        let all = self.settlements("").await;
        let mut rows = all.iter().filter(|row| row["session_id"] == session.id.as_str());
        let row = rows.next().unwrap_or_else(|| panic!("{} is not settled: {all:?}", session.id)).clone();
        assert_eq!(rows.next(), None, "settled twice");
        row
    }

    /// `end_reason` and `play_duration_sec` of a session that was settled.
    pub(crate) async fn ending(&self, session: &Session) -> (String, u64) {
        let row = self.settlement(session).await;
        let reason = row["end_reason"].as_str().expect("a reason").to_owned();
        (reason, row["play_duration_sec"].as_u64().expect("seconds"))
    }

    /// The store takes no settlement until it is told to go on.
    pub(crate) async fn spoil_store(&self) {
        match &self.redis {
            Some(server) => server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await,
            None => self.alter("ALTER TABLE settlements RENAME TO gone"),
        }
    }

    pub(crate) async fn mend_store(&self) {
        match &self.redis {
            Some(server) => server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await,
            None => self.alter("ALTER TABLE gone RENAME TO settlements"),
        }
    }

    fn alter(&self, sql: &str) {
        let path = self.folder.path().join("data").join("guildhall.db");
        let database = rusqlite::Connection::open(path).expect("a database");
        database.execute_batch(sql).expect("the database takes it");
    }
}

impl Node {
    async fn start(number: usize, settings: &Settings, now: &Arc<AtomicI64>) -> Self {
        let (sweeps, orders) = mpsc::unbounded_channel();
        let (opened, addresses) = oneshot::channel();
        let (settings, clock) = (settings.clone(), now.clone());
        let clock = Clock::new(move || Timestamp(clock.load(Ordering::SeqCst)));
        let run = move || actix::System::new().block_on(run(number, settings, clock, opened, orders));
        let thread = Some(std::thread::spawn(run));
        let (public, admin) = within("the node starts", addresses).await.expect("it started");
        Self { sweeps: Some(sweeps), thread, public, admin }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.sweeps.take());
        let ended = self.thread.take().expect("it runs until now").join();
        assert!(ended.is_ok() || std::thread::panicking(), "the node crashed");
    }
}

/// When the test begins, and so many seconds later, as answers tell it.
pub(crate) fn at(seconds: i64) -> String {
    Timestamp(START_MS + seconds * 1000).to_iso()
}

fn settings(folder: &TempDir, store: &str, more: &str) -> Settings {
    let text = format!(
        "{store}\nadmin.keys = [\"{ADMIN_KEY}\"]\nlisten.trusted_proxies = [\"127.0.0.1\"]\n\
         {more}\n{TABLES}"
    );
    let file = folder.path().join("arcade.toml");
    std::fs::write(&file, text).expect("the folder takes a file");
    config::load(&Sources { file: Some(file), ..Sources::default() }).expect("a good configuration")
}

fn backend_settings(settings: &Settings) -> BackendSettings {
    BackendSettings {
        connection: settings.limits.connection(),
        outbox: settings.limits.outbox(),
        chat: settings.limits.chat(),
        session: settings.playwave.limits.clone(),
        leave_on_disconnect: LeaveOnDisconnect::All,
        replay_on_reconnect: true,
        channel_linger: Duration::from_secs(30),
        framing: plain_framing(),
    }
}

/// The node's main thread: says where it listens, and sweeps when it is told to, until nobody can tell it any more.
async fn run(
    number: usize,
    settings: Settings,
    clock: Clock,
    opened: oneshot::Sender<(String, String)>,
    mut orders: mpsc::UnboundedReceiver<Sweep>,
) {
    let ports = Store::open(&settings).await.expect("a fresh store opens").ports();
    let node = NodeId::new(&format!("arcade-{number}"));
    let backend = Backend::start(node, ports, clock, backend_settings(&settings), [], rand::random);
    for cafe in &settings.cafes {
        backend.open_account(&cafe.id, cafe.balance).await.expect("a fresh store takes it");
    }
    let health = Health::new(|| async { Ok(()) });
    let api = Data::new(Api::new(backend.clone(), Arc::new(settings), health));
    let of_public = api.clone();
    let public = HttpServer::new(move || App::new().configure(http::public(of_public.clone()))).workers(2);
    let admin = HttpServer::new(move || App::new().configure(http::admin(api.clone()))).workers(1);
    let public = public.disable_signals().bind(("127.0.0.1", 0)).expect("a free port");
    let admin = admin.disable_signals().bind(("127.0.0.1", 0)).expect("a free port");
    let (at_public, at_admin) = (format!("http://{}", public.addrs()[0]), format!("http://{}", admin.addrs()[0]));
    let (public, admin) = (public.run(), admin.run());
    let handles = [public.handle(), admin.handle()];
    actix::spawn(public);
    actix::spawn(admin);
    let _ = opened.send((at_public, at_admin)); // a test that was given up does not listen
    while let Some(order) = orders.recv().await {
        let _ = order.send(backend.sweep_cafes().await.expect("the store answers"));
    }
    for handle in handles {
        handle.stop(false).await;
    }
}
