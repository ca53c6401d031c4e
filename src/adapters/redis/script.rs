//! Scripts: one atomic step on the keys of one noun each, called by hash.

use std::sync::OnceLock;

use guildhall_actors::ports::StoreError;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs};

use super::link::{Link, failed};

/// A script of `scripts/`.
pub(super) struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

/// A script with its keys and arguments.
pub(super) struct Call<'a> {
    script: &'a Script,
    keys: Vec<&'a str>,
    arguments: Vec<Vec<u8>>,
}

impl Script {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// All keys share one hash tag.
    pub(super) fn on<'a>(&'a self, keys: &[&'a str]) -> Call<'a> {
        Call { script: self, keys: keys.to_vec(), arguments: Vec::new() }
    }
}

impl Call<'_> {
    pub(super) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.arguments.extend(argument.to_redis_args());
        self
    }

    /// `EVALSHA` with a hash, or `EVAL` with a text.
    fn command(&self, name: &str, script: &str) -> Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(&self.keys);
        for argument in &self.arguments {
            command.arg(argument.as_slice());
        }
        command
    }
}

impl Link {
    /// Runs a script in one round trip; a server that does not know it yet is given its text.
    pub(super) async fn run<T: FromRedisValue>(&self, call: Call<'_>) -> Result<T, StoreError> {
        self.try_run(call).await.map_err(failed)
    }

    /// As [`Self::run`], with what the script refused.
    pub(super) async fn try_run<T: FromRedisValue>(&self, call: Call<'_>) -> RedisResult<T> {
        let hash = call.script.hash.get_or_init(|| redis::Script::new(call.script.text).get_hash().to_owned());
        match self.query(&call.command("EVALSHA", hash)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.query(&call.command("EVAL", call.script.text)).await
            }
            result => result,
        }
    }
}
