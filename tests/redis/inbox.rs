//! `Inbox` on Redis.

mod crashes;

use guildhall_actors::testing::contract;

use super::{holds, open};
use crate::support::redis::{RedisCluster, RedisServer};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_the_inbox_holds_on_a_server() {
    let server = RedisServer::start().await;
    holds(&contract::inbox(), open(vec![server.url()]).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_of_the_inbox_holds_on_a_cluster() {
    let cluster = RedisCluster::start().await;
    holds(&contract::inbox(), open(cluster.urls()).await).await;
}
