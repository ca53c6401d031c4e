//! The link for commands: a connection that all tasks of a thread share, made anew when it breaks or goes silent.
//!
//! A command whose answer did not come may have taken effect or not, so it is never repeated here: that is for those
//! who know whether a repeat is harmless. What a server refused to carry out is tried again for a moment, since that
//! is how a failover looks.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use guildhall_actors::ports::StoreError;
use parking_lot::{Mutex, RwLock};
use redis::{Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::runtime::{self, Handle};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::measured;
use super::source::{Connection, Source};

/// Between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Between two attempts at what a server refuses for the time being.
const FIRST_RETRY: Duration = Duration::from_millis(5);
const LAST_RETRY: Duration = Duration::from_millis(200);
/// Answers missed in a row, after which a connection that was silent all the while counts as dead.
const MISSED: u32 = 3;

/// See the module's text.
pub(super) struct Link {
    pub(super) source: Source,
    /// Of a single answer, and of the attempts at a command together.
    pub(super) timeout: Duration,
    /// Of each thread's runtime: so its commands go out, and their answers come in, without waking another thread.
    current: RwLock<HashMap<runtime::Id, Established>>,
    attempts: tokio::sync::Mutex<Attempts>,
}

#[derive(Clone)]
struct Established {
    connection: Connection,
    /// The server it leads to, when it is one.
    to: Option<ConnectionAddr>,
    answers: Arc<Answers>,
}

/// What came back over a connection. Many commands are under way at once, so that a slow moment makes many of them
/// late together: that is not silence.
struct Answers {
    missed: AtomicU32,
    newest: Mutex<Instant>,
}

/// When the next attempt to connect is due, so that a thousand callers make one.
struct Attempts {
    next: Instant,
    pause: Duration,
    failure: Option<RedisError>,
}

impl Link {
    pub(super) fn new(source: Source, timeout: Duration) -> Self {
        let attempts = Attempts { next: Instant::now(), pause: FIRST_PAUSE, failure: None };
        Self { source, timeout, current: RwLock::default(), attempts: tokio::sync::Mutex::new(attempts) }
    }

    /// Sends a command on one key, or on none.
    pub(super) async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.query(command).await.map_err(failed)
    }

    pub(super) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let started = Instant::now();
        let result = self.send(command).await;
        measured::note(command, started, result.as_ref().err());
        Ok(T::from_redis_value(result?)?)
    }

    async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = FIRST_RETRY;
        loop {
            let result = self.try_send(command).await;
            match result {
                Err(error) if self.is_refused_for_now(&error) && Instant::now() + pause < deadline => {
                    sleep(pause).await;
                }
                result => return result,
            }
            pause = (pause * 2).min(LAST_RETRY);
        }
    }

    async fn try_send(&self, command: &Cmd) -> RedisResult<Value> {
        let mut established = self.established().await?;
        let result = established.connection.send(command).await;
        self.judge(&established, result.as_ref().err());
        result
    }

    /// Drops a connection that has broken, gone silent, or leads to a server that is no master any more.
    fn judge(&self, established: &Established, error: Option<&RedisError>) {
        let Some(error) = error else { return established.answers.on_answer(Instant::now()) };
        let is_over = match &established.connection {
            Connection::Server(_) => {
                error.is_unrecoverable_error() || error.kind() == server(ServerErrorKind::ReadOnly)
            }
            Connection::Cluster(_) => false,
        };
        if is_over || (error.is_timeout() && established.answers.on_missed(Instant::now(), self.timeout)) {
            let is_lost = |present: &Established| Arc::ptr_eq(&present.answers, &established.answers);
            if self.current.write().extract_if(|_, present| is_lost(present)).count() > 0 {
                warn!(%error, "link to Redis lost");
            }
        }
    }

    /// Drops the connections to a server that is not this one: Sentinels have named another master. The old one may not
    /// know yet, and what it still takes is lost when it follows the new one.
    pub(super) fn follow_master(&self, master: &ConnectionAddr) {
        let is_other = |present: &Established| present.to.as_ref().is_some_and(|to| to != master);
        if self.current.write().extract_if(|_, present| is_other(present)).count() > 0 {
            warn!(%master, "link to Redis given up: another server is the master");
        }
    }

    async fn established(&self) -> RedisResult<Established> {
        let here = Handle::current().id();
        if let Some(established) = self.current.read().get(&here).cloned() {
            return Ok(established);
        }
        let mut attempts = self.attempts.lock().await;
        if let Some(established) = self.current.read().get(&here).cloned() {
            return Ok(established);
        }
        if let Some(failure) = attempts.failure.as_ref().filter(|_| Instant::now() < attempts.next) {
            return Err(failure.clone());
        }
        match self.source.connect(self.timeout).await {
            Ok((connection, to)) => {
                info!("link to Redis established");
                *attempts = Attempts { next: Instant::now(), pause: FIRST_PAUSE, failure: None };
                let established = Established { connection, to, answers: Arc::new(Answers::new(Instant::now())) };
                self.current.write().insert(here, established.clone());
                Ok(established)
            }
            Err(error) => {
                attempts.next = Instant::now() + attempts.pause;
                attempts.pause = (attempts.pause * 2).min(LAST_PAUSE);
                attempts.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Whether the command was not carried out, and may be before long. On a cluster the library tells some failures of
    /// its own in the same words, also of commands that were sent: those are left to the caller.
    fn is_refused_for_now(&self, error: &RedisError) -> bool {
        use ServerErrorKind::{Ask, BusyLoading, ClusterDown, MasterDown, Moved, ReadOnly, TryAgain};
        let ErrorKind::Server(kind) = error.kind() else { return false };
        match kind {
            Moved | Ask | TryAgain | ReadOnly => true,
            BusyLoading | ClusterDown | MasterDown => !matches!(self.source, Source::Cluster { .. }),
            _ => false,
        }
    }

    /// Drops the connections: the masters they know are no longer those there are.
    pub(super) fn connect_anew(&self) {
        self.current.write().clear();
    }
}

impl Answers {
    fn new(now: Instant) -> Self {
        Self { missed: AtomicU32::new(0), newest: Mutex::new(now) }
    }

    fn on_answer(&self, now: Instant) {
        self.missed.store(0, Ordering::Relaxed);
        *self.newest.lock() = now;
    }

    /// Says whether the connection is silent: nothing came for as long as the commands waited.
    fn on_missed(&self, now: Instant, timeout: Duration) -> bool {
        let missed = self.missed.fetch_add(1, Ordering::Relaxed) + 1;
        missed >= MISSED && now.saturating_duration_since(*self.newest.lock()) >= timeout
    }
}

/// What the ports are told of a failure.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn failed(error: RedisError) -> StoreError {
    StoreError(format!("redis: {error}"))
}

fn server(kind: ServerErrorKind) -> ErrorKind {
    ErrorKind::Server(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    #[test]
    fn answers_that_are_late_together_are_no_silence() {
        let begin = Instant::now();
        let answers = Answers::new(begin);
        answers.on_answer(begin + TIMEOUT);
        assert_eq!([(); 5].map(|()| answers.on_missed(begin + TIMEOUT * 3 / 2, TIMEOUT)), [false; 5]);
    }

    #[test]
    fn a_connection_that_answers_nothing_is_given_up() {
        let begin = Instant::now();
        let answers = Answers::new(begin);
        assert_eq!([(); 3].map(|()| answers.on_missed(begin + TIMEOUT, TIMEOUT)), [false, false, true]);
    }
}
