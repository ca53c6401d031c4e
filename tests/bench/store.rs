//! A Redis server of the bench's own, with its data on the disk of the temporary folder.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// When a write is on disk.
#[derive(Clone, Copy)]
pub(crate) enum Durability {
    /// Never.
    NoLog,
    /// Within a second of the answer.
    EverySec,
    /// Before the answer.
    Always,
}

/// A running server, gone when this is dropped.
pub(crate) struct Store {
    process: Child,
    pub(crate) port: u16,
    connection: MultiplexedConnection,
    _folder: TempDir,
}

impl Store {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::with_prefix("guildhall-bench-").expect("a temporary folder");
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = taken.expect("a free port").port();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let client = Client::open(format!("redis://127.0.0.1:{port}")).expect("an address");
        let begin = Instant::now();
        let connection = loop {
            match client.get_multiplexed_async_connection().await {
                Ok(connection) => break connection,
                Err(error) => assert!(begin.elapsed() < PATIENCE, "Redis does not start: {error}"),
            }
            tokio::time::sleep(PAUSE).await;
        };
        Self { process, port, connection, _folder: folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection that all clones share.
    pub(crate) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    pub(crate) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let (name, rest) = words.split_first().expect("a command has a name");
        let answer = redis::cmd(name).arg(rest).query_async(&mut self.connection()).await;
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// From now on, and from the first byte of the log.
    pub(crate) async fn set_durability(&self, durability: Durability) {
        let (log, sync) = match durability {
            Durability::NoLog => ("no", "everysec"),
            Durability::EverySec => ("yes", "everysec"),
            Durability::Always => ("yes", "always"),
        };
        self.command::<()>(&["CONFIG", "SET", "appendonly", log, "appendfsync", sync]).await;
        let begin = Instant::now();
        while self.info("persistence", "aof_rewrite_in_progress").await != 0.0
            || self.info("persistence", "aof_rewrite_scheduled").await != 0.0
        {
            assert!(begin.elapsed() < PATIENCE, "the log is not begun");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// A number of `INFO`.
    pub(crate) async fn info(&self, section: &str, field: &str) -> f64 {
        let info: String = self.command(&["INFO", section]).await;
        let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no number {field}"))
    }
}

impl Durability {
    pub(crate) const ALL: [Self; 3] = [Self::NoLog, Self::EverySec, Self::Always];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NoLog => "no append-only file",
            Self::EverySec => "appendfsync everysec",
            Self::Always => "appendfsync always",
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
