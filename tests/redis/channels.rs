//! Channels on Redis.

use std::sync::Arc;
use std::time::Duration;

use guildhall::adapters::embedded::Embedded;
use guildhall::adapters::redis::{Options, Redis};
use guildhall_actors::backend::Ports;
use guildhall_actors::limits::{ChatLimits, LogLimits};
use guildhall_actors::testing::contract;

use crate::support::redis::{RedisCluster, RedisSentinel, RedisServer};

async fn open(urls: Vec<String>) -> Redis {
    let options = Options { urls, sentinel_master: None, timeout: Duration::from_secs(5) };
    let idempotency = ChatLimits::default().idempotency;
    Redis::open(&options, LogLimits::default(), idempotency).await.expect("the servers answer")
}

async fn check(urls: Vec<String>) {
    let store = open(urls).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let idempotency = ChatLimits::default().idempotency;
    let embedded = Embedded::open(folder.path(), LogLimits::default(), idempotency).expect("an empty folder");
    let ports = Ports { channels: Arc::new(store), ..embedded.ports() };
    contract::check(&contract::channels(), &ports, "").await;
}

#[tokio::test]
async fn single() {
    let server = RedisServer::start().await;
    check(vec![server.url()]).await;
}

#[tokio::test]
async fn sentinel() {
    let server = RedisSentinel::start().await;
    check(server.urls()).await;
}

#[tokio::test]
async fn cluster() {
    let server = RedisCluster::start().await;
    check(server.urls()).await;
}
