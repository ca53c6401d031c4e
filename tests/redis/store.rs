//! A store on a server of its own.

use std::sync::Arc;
use std::time::Duration;

use guildhall::adapters::embedded::Embedded;
use guildhall::adapters::redis::{Options, Redis};
use guildhall_actors::backend::Ports;
use guildhall_actors::limits::{ChatLimits, LogLimits};
use tempfile::TempDir;

use crate::support::redis::RedisServer;

/// Of a single answer: the machine may be busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One of possibly several nodes' views of the servers.
pub(super) async fn open(urls: Vec<String>) -> Redis {
    let options = Options { urls, sentinel_master: None, timeout: TIMEOUT };
    let idempotency = ChatLimits::default().idempotency;
    Redis::open(&options, LogLimits::default(), idempotency).await.expect("the servers answer")
}

pub(super) async fn single() -> (RedisServer, Redis) {
    let server = RedisServer::start().await;
    let store = open(vec![server.url()]).await;
    (server, store)
}

/// The ports that `store` has, and the others in a folder.
pub(super) fn ports(store: &Redis) -> (TempDir, Ports) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let idempotency = ChatLimits::default().idempotency;
    let embedded = Embedded::open(folder.path(), LogLimits::default(), idempotency).expect("an empty folder");
    let [channels, players, nodes] = [(); 3].map(|()| Arc::new(store.clone()));
    let ports = Ports { channels, players, nodes, ..embedded.ports() };
    (folder, ports)
}
