//! One server process with its own folder and ports, gone when the test ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::Method;
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::{Cluster, Store};
use super::deployment::is_cluster;
use super::http::{self, Api};
use super::key::now_ms;
use super::play::{Origin, Venue};
use super::process::{Addresses, Process};
use super::redis::RedisServer;
use super::secure;

/// The game nearly every test plays: `demo`.
pub(crate) const GAME_INDEX: i64 = 7;
/// The game beside it: `other`.
pub(crate) const OTHER_GAME_INDEX: i64 = 8;
pub(crate) const CERTIFICATION_KEY: &str = "certification-key-of-demo-0123456789";
pub(crate) const OTHER_CERTIFICATION_KEY: &str = "certification-key-of-other-0123456789";
pub(crate) const LOGIN_KEY_SECRET: &str = "login-key-secret-of-demo-0123456789abcdef";
pub(crate) const OTHER_LOGIN_KEY_SECRET: &str = "login-key-secret-of-other-0123456789abcdef";
pub(crate) const ADMIN_KEY: &str = "admin-key-0123456789abcdef0123456789";

/// The path of the chat WebSocket.
pub(crate) const SOCKET_PATH: &str = "/v1/chat/socket";

/// What a node is started with.
#[derive(Clone)]
pub(crate) struct Builder {
    folder: Arc<TempDir>,
    /// Dotted TOML keys and their values as TOML.
    settings: BTreeMap<String, String>,
    /// Tables at the end of the file.
    tables: String,
    /// What clients trust when the public listener speaks TLS.
    certificate: Option<reqwest::Certificate>,
}

/// A running server, or one that was stopped and can start again.
pub(crate) struct Node {
    builder: Builder,
    running: Running,
    addresses: Addresses,
    http: reqwest::Client,
    killed: bool,
    /// The test breaks what the node stands on: errors in its log are right, a panic is not.
    forgiven: bool,
}

/// Requests to a [`Node`] at its addresses, which it keeps over restarts.
#[derive(Clone)]
pub(crate) struct Door {
    http: reqwest::Client,
    public: String,
    admin: String,
}

/// What stands behind the addresses of a [`Node`].
enum Running {
    Alone(Process),
    /// The addresses are the load balancer's.
    Together(Box<Cluster>),
}

impl Builder {
    /// Sets any setting: `("limits.idle_sec", 1)`, `("listen.allowed_origins", ["https://a"])`.
    pub(crate) fn set(mut self, key: &str, value: impl Serialize) -> Self {
        // A JSON scalar or list of scalars is a TOML value, too.
        let value = serde_json::to_string(&value).expect("a setting is plain data");
        self.settings.insert(key.to_owned(), value);
        self
    }

    /// Adds TOML tables at the end of the file, such as `[[cafes]]`.
    pub(crate) fn tables(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self
    }

    /// Puts these tables in the place of those at the end of the file.
    pub(crate) fn replace_tables(self, tables: &str) -> Self {
        Self { tables: tables.to_owned(), ..self }
    }

    /// Lets the public listener speak TLS, with a certificate that the clients of the node trust.
    pub(crate) fn tls(self) -> Self {
        let folder = self.folder.path().to_owned();
        let certificate = Some(secure::certify(&folder));
        let certified = Self { certificate, ..self };
        certified
            .set("listen.tls.certificate", folder.join("certificate.pem"))
            .set("listen.tls.key", folder.join("key.pem"))
    }

    /// Starts the deployment that the tests run against: one node, or by the switch several.
    pub(crate) async fn start(self) -> Node {
        if is_cluster() {
            self.start_cluster(Store::Single(RedisServer::start().await)).await
        } else {
            self.start_alone().await
        }
    }

    /// Starts three nodes on a store, behind the load balancer that is then spoken to.
    pub(crate) async fn start_cluster(self, store: Store) -> Node {
        let cluster = Cluster::start(&self, store).await;
        let addresses = cluster.balancer.addresses();
        self.node(Running::Together(Box::new(cluster)), addresses)
    }

    /// Starts one node and awaits its `ready` line.
    pub(crate) async fn start_alone(self) -> Node {
        let (process, addresses) = Process::start(&self.write()).await;
        self.node(Running::Alone(process), addresses)
    }

    fn node(self, running: Running, addresses: Addresses) -> Node {
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0) // a connection kept over a restart would fail the next request
            .tls_certs_only(self.certificate.clone())
            .build()
            .expect("an HTTP client");
        Node { builder: self, running, addresses, http, killed: false, forgiven: false }
    }

    /// Writes the configuration to a file no earlier start has used.
    fn write(&self) -> PathBuf {
        let folder = self.folder.path();
        let starts = fs::read_dir(folder).expect("the folder is readable").count();
        let config = folder.join(format!("{starts}.toml"));
        fs::write(&config, self.toml()).expect("the folder takes a file");
        config
    }

    fn toml(&self) -> String {
        let lines: String = self.settings.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        let demo = game("demo", GAME_INDEX, CERTIFICATION_KEY, LOGIN_KEY_SECRET);
        let other = game("other", OTHER_GAME_INDEX, OTHER_CERTIFICATION_KEY, OTHER_LOGIN_KEY_SECRET);
        format!("{lines}{demo}{other}{}", self.tables)
    }
}

impl Node {
    /// A node with the default settings.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn builder() -> Builder {
        let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
        let data = folder.path().join("data");
        let (settings, tables) = (BTreeMap::new(), String::new());
        Builder { folder: Arc::new(folder), settings, tables, certificate: None }
            .set("listen.public", "127.0.0.1:0")
            .set("listen.admin", "127.0.0.1:0")
            .set("store.kind", "embedded")
            .set("store.path", data)
            .set("admin.keys", [ADMIN_KEY])
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.addresses.public
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.builder.certificate.is_some()
    }

    /// Of the public listener.
    fn origin(&self) -> String {
        format!("{}://{}", if self.is_tls() { "https" } else { "http" }, self.addresses.public)
    }

    pub(crate) fn socket_url(&self) -> String {
        format!("ws://{}{SOCKET_PATH}", self.addresses.public)
    }

    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What stands behind the load balancer.
    pub(crate) fn cluster(&mut self) -> &mut Cluster {
        match &mut self.running {
            Running::Together(cluster) => cluster,
            Running::Alone(_) => panic!("a node on its own"),
        }
    }

    /// The nodes, one by one.
    pub(crate) fn each(&self) -> Vec<&Self> {
        match &self.running {
            Running::Alone(_) => vec![self],
            Running::Together(cluster) => cluster.nodes.iter().collect(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.running {
            Running::Alone(process) => process.id(),
            Running::Together(_) => panic!("several processes: the test is embedded_only"),
        }
    }

    /// The chat HTTP API of the game `demo`.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.http.clone(), self.origin(), GAME_INDEX, CERTIFICATION_KEY)
    }

    /// The chat HTTP API of the game `other`.
    pub(crate) fn other_api(&self) -> Api {
        Api::new(self.http.clone(), self.origin(), OTHER_GAME_INDEX, OTHER_CERTIFICATION_KEY)
    }

    /// The node as players of cafes know it.
    pub(crate) fn venue(&self) -> Venue {
        Venue { http: self.http.clone(), origin: Origin::new([self.origin()]), now_ms: Arc::new(now_ms) }
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.builder.folder.path().join("data")
    }

    /// The way to both listeners, for those who outlive a borrow of the node.
    pub(crate) fn door(&self) -> Door {
        Door { http: self.http.clone(), public: self.origin(), admin: format!("http://{}", self.addresses.admin) }
    }

    /// A request to the public listener with nothing added.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.door().request(method, path)
    }

    /// A request to the admin listener with an operator's key.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.door().admin(method, path, body).await
    }

    /// A request to the admin listener with nothing added.
    pub(crate) fn admin_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.door().admin_request(method, path)
    }

    /// Everything the server logged.
    pub(crate) fn log(&self) -> String {
        match &self.running {
            Running::Alone(process) => process.log(),
            Running::Together(cluster) => cluster.nodes.iter().map(Self::log).collect(),
        }
    }

    /// SIGKILL: the process gets no chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        self.killed = true;
        match &mut self.running {
            Running::Alone(process) => process.end(),
            Running::Together(cluster) => cluster.nodes.iter_mut().for_each(Self::kill),
        }
    }

    /// Sends a signal by its name, such as `TERM`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        match &self.running {
            Running::Alone(process) => process.signal(name),
            Running::Together(cluster) => cluster.nodes.iter().for_each(|node| node.signal(name)),
        }
    }

    /// SIGTERM, and a clean exit.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        self.expect_exit().await;
    }

    /// Awaits a clean exit after [`Self::signal`].
    pub(crate) async fn expect_exit(&mut self) {
        let process = match &mut self.running {
            Running::Alone(process) => process,
            Running::Together(cluster) => {
                for node in &mut cluster.nodes {
                    Box::pin(node.expect_exit()).await;
                }
                return;
            }
        };
        let status = process.exit().await;
        assert_eq!(status.code(), Some(0), "the exit code; log:\n{}", self.log());
        self.assert_quiet_log();
    }

    /// Starts the node anew on the same folder, ports and settings; it must have been killed or stopped.
    pub(crate) async fn restart(&mut self) {
        match &mut self.running {
            Running::Alone(process) => {
                assert!(process.exit_status().is_some(), "restart follows kill or stop");
                let builder = self.builder.clone();
                let builder = builder.set("listen.public", self.addresses.public);
                self.builder = builder.set("listen.admin", self.addresses.admin);
                (*process, self.addresses) = Process::start(&self.builder.write()).await;
            }
            Running::Together(cluster) => cluster.restart().await,
        }
        self.killed = false;
    }

    /// Changes what the next start reads.
    pub(crate) fn reconfigure(&mut self, change: impl Fn(Builder) -> Builder) {
        match &mut self.running {
            Running::Alone(_) => self.builder = change(self.builder.clone()),
            Running::Together(cluster) => {
                for node in &mut cluster.nodes {
                    node.builder = change(node.builder.clone());
                }
            }
        }
    }

    /// Lets the nodes of a cluster log errors from here on.
    pub(crate) fn forgive(&mut self) {
        self.cluster().nodes.iter_mut().for_each(|node| node.forgiven = true);
    }

    fn assert_quiet_log(&self) {
        let log = self.log();
        let is_bad = |line: &&str| line.contains("panicked at") || !self.forgiven && line.contains("ERROR");
        let bad = log.lines().find(is_bad);
        if let Some(line) = bad {
            panic!("the server logged an error: {line}\nthe whole log:\n{log}");
        }
    }
}

impl Door {
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.public))
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let request = self.admin_request(method, path).header("X-Admin-Key", ADMIN_KEY);
        http::send(path, body.iter().fold(request, |request, body| request.json(body))).await
    }

    pub(crate) fn admin_request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.admin))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let Running::Alone(process) = &mut self.running else { return }; // each of several does this itself
        process.end();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "log of the server:\n{}", self.log());
        } else if !self.killed {
            self.assert_quiet_log();
        }
    }
}

fn game(name: &str, game_index: i64, certification_key: &str, login_key_secret: &str) -> String {
    format!(
        r#"
[[games]]
name = "{name}"
[games.hive]
game_index = {game_index}
certification_keys = ["{certification_key}"]
login_key_secret = "{login_key_secret}"
"#
    )
}
