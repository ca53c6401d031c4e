//! The Redis adapters: every port on one Redis or Valkey server (7.0 or later), on the master that Sentinels name, or
//! on a cluster, shared by any number of nodes.
//!
//! A step is one script on the keys of one noun, so it is atomic, takes one round trip, and works on a cluster. Whether
//! what was answered survives the server is the server's affair: `appendfsync always`, and replicas that have it.

mod bells;
mod channels;
mod games;
mod inbox;
mod keys;
mod known;
mod link;
mod measured;
mod nodes;
mod players;
mod script;
mod sessions;
mod source;

use std::sync::Arc;
use std::time::Duration;

use guildhall_actors::backend::Ports;
use guildhall_actors::ids::GameId;
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::StoreError;
use redis::{ErrorKind, RedisError};

use self::bells::Bells;
use self::channels::Follower;
use self::known::Known;
use self::link::Link;
use self::nodes::{ClockOffset, MailBell};
use self::players::Turns;
use self::sessions::Upkeep;
use self::source::Source;

/// How to reach the servers.
#[derive(Clone)]
pub struct Options {
    /// `redis://` or `rediss://`: a server, Sentinels, or some servers of a cluster.
    pub urls: Vec<String>,
    /// What the Sentinels call the master; needed when they watch several.
    pub sentinel_master: Option<String>,
    /// Of a single answer.
    pub timeout: Duration,
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It may answer later.
    #[error("no Redis server answers: {0}")]
    Away(String),
    /// It answers, and asking again will not help: a wrong password, or a master that is not there.
    #[error("Redis refuses: {0}")]
    Refused(String),
}

/// A store on Redis.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    // Before the bells: it follows by them.
    follower: Follower,
    bells: Arc<Bells>,
    link: Arc<Link>,
    log_limits: LogLimits,
    idempotency: Duration,
    mail_bell: MailBell,
    clock_offset: ClockOffset,
    /// Of cafes.
    upkeep: Upkeep,
    games: Known<GameId>,
    turns: Turns,
}

impl OpenError {
    fn of(error: &RedisError) -> Self {
        let is_away = error.is_io_error() || error.is_timeout() || matches!(error.kind(), ErrorKind::Server(_));
        if is_away { Self::Away(error.to_string()) } else { Self::Refused(error.to_string()) }
    }
}

impl Redis {
    /// Finds out what the servers are.
    ///
    /// # Errors
    /// None of them answers, or they refuse us.
    pub async fn open(options: &Options, log_limits: LogLimits, idempotency: Duration) -> Result<Self, OpenError> {
        let source = Source::find(options).await.map_err(|error| OpenError::of(&error))?;
        let link = Arc::new(Link::new(source, options.timeout));
        let bells = Arc::new(Bells::start(link.clone()));
        let follower = Follower::start(link.clone(), bells.clone());
        let mail_bell = MailBell::default();
        Ok(Self(Arc::new(Inner {
            follower,
            bells,
            link,
            log_limits,
            idempotency,
            mail_bell,
            clock_offset: ClockOffset::default(),
            turns: Turns::new(),
            upkeep: Upkeep::default(),
            games: Known::default(),
        })))
    }

    pub fn ports(&self) -> Ports {
        Ports::on(Arc::new(self.clone()))
    }

    /// Whether every master answers, and what is published is heard.
    ///
    /// # Errors
    /// It is not so.
    pub async fn ping(&self) -> Result<(), StoreError> {
        // The beat of each line was published over the link for commands not long ago.
        if self.0.bells.is_hearing() { Ok(()) } else { Err(StoreError("redis: a master is not heard".into())) }
    }
}
