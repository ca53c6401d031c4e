//! One server process.

use std::fs;
use std::path::PathBuf;

use redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, RedisResult};
use tempfile::TempDir;

use crate::support::free_port::free_port;
use crate::support::packages::{guarded, require};
use crate::support::process::Process;
use crate::support::{WAIT, eventually};

/// Nothing acknowledged is lost by a restart, and a replica is there at once.
const SETTINGS: &str = "\
bind 127.0.0.1
appendonly yes
appendfsync always
save \"\"
repl-diskless-sync yes
repl-diskless-sync-delay 0
";
/// A chosen port may be taken before the server listens on it.
const ATTEMPTS: usize = 5;

/// A running server, or one that was killed and can start again.
pub(crate) struct RedisServer {
    folder: TempDir,
    port: u16,
    arguments: &'static [&'static str],
    process: Process,
}

impl RedisServer {
    /// A single server that writes every command to disk before it answers.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with more lines of configuration.
    pub(crate) async fn start_with(settings: &str) -> Self {
        Self::start_as(&format!("{SETTINGS}{settings}"), &[]).await
    }

    /// A server with these lines of configuration and these arguments after the file.
    pub(super) async fn start_as(settings: &str, arguments: &'static [&'static str]) -> Self {
        let mut log = String::new();
        for _ in 0..ATTEMPTS {
            let (port, folder) = (free_port(), TempDir::with_prefix("guildhall-redis-").expect("a temporary folder"));
            let text = format!("port {port}\ndir {}\n{settings}", folder.path().display());
            fs::write(folder.path().join("redis.conf"), text).expect("the folder takes a file");
            let process = spawn(&folder, arguments);
            let mut server = Self { folder, port, arguments, process };
            if server.gets_ready().await {
                return server;
            }
            log = server.process.log();
        }
        panic!("Redis does not start; its log:\n{log}");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends a command, word by word, on a connection of its own.
    pub(crate) async fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_command(words).await.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The same where the server may be away.
    pub(crate) async fn try_command<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let limits = AsyncConnectionConfig::new().set_connection_timeout(Some(WAIT)).set_response_timeout(Some(WAIT));
        let client = Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&limits).await?;
        let (name, rest) = words.split_first().ok_or(RedisError::from((ErrorKind::Client, "no command")))?;
        redis::cmd(name).arg(rest).query_async(&mut connection).await
    }

    /// SIGKILL: the process gets no chance to write anything.
    pub(crate) fn kill(&mut self) {
        self.process.end();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    /// SIGSTOP: connections stay open and nothing answers, until [`Self::thaw`].
    pub(crate) fn freeze(&self) {
        self.process.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Ends the server in its own time unless it was killed, and starts it on the same port and folder.
    pub(crate) async fn restart(&mut self) {
        if self.is_running() {
            self.process.signal("TERM");
            self.process.exit().await;
        }
        self.process = spawn(&self.folder, self.arguments);
        assert!(self.gets_ready().await, "Redis does not start again; its log:\n{}", self.process.log());
    }

    /// Whether the server answers with its data loaded, before it ends.
    async fn gets_ready(&mut self) -> bool {
        eventually("Redis answers", async || {
            if !self.is_running() {
                return Some(false);
            }
            self.try_command::<String>(&["PING"]).await.is_ok().then_some(true)
        })
        .await
    }
}

/// The program that tests run as the server.
pub(super) fn program() -> PathBuf {
    std::env::var("GUILDHALL_TEST_REDIS_SERVER").map_or_else(|_| require("redis-server"), PathBuf::from)
}

fn spawn(folder: &TempDir, arguments: &[&str]) -> Process {
    let mut command = guarded(program());
    command.arg(folder.path().join("redis.conf")).args(arguments);
    Process::spawn(&mut command, folder.path().join("redis.log"))
}
