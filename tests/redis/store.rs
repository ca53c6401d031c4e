//! A store on a server of its own.

use std::time::Duration;

use guildhall::adapters::redis::{Options, Redis};
use guildhall_actors::limits::{ChatLimits, LogLimits};

use crate::support::redis::RedisServer;

/// Of a single answer: the machine may be busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One of possibly several nodes' views of the servers.
pub(crate) async fn open(urls: Vec<String>) -> Redis {
    let options = Options { urls, sentinel_master: None, timeout: TIMEOUT };
    let idempotency = ChatLimits::default().idempotency;
    Redis::open(&options, LogLimits::default(), idempotency).await.expect("the servers answer")
}

pub(super) async fn single() -> (RedisServer, Redis) {
    let server = RedisServer::start().await;
    let store = open(vec![server.url()]).await;
    (server, store)
}
