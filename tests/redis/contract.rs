//! The written contract, on a single server, through Sentinels and on a cluster.

use guildhall_actors::testing::contract::{self, Clause};

use super::store::{open, ports, single};
use crate::support::redis::{RedisCluster, RedisSentinel};

fn clauses() -> [(&'static str, Vec<Clause>); 3] {
    [("channels", contract::channels()), ("players", contract::players()), ("nodes", contract::nodes())]
}

#[tokio::test]
async fn the_contract_holds_on_a_single_server() {
    let (_server, store) = single().await;
    let (_folder, ports) = ports(&store);
    for (prefix, clauses) in clauses() {
        contract::check(&clauses, &ports, prefix).await;
    }
}

#[tokio::test]
async fn the_contract_holds_through_sentinels() {
    let sentinels = RedisSentinel::start().await;
    let (_folder, ports) = ports(&open(sentinels.urls()).await);
    for (prefix, clauses) in clauses() {
        contract::check(&clauses, &ports, prefix).await;
    }
}

#[tokio::test]
async fn the_contract_holds_on_a_cluster() {
    let cluster = RedisCluster::start().await;
    let (_folder, ports) = ports(&open(cluster.urls()).await);
    for (prefix, clauses) in clauses() {
        contract::check(&clauses, &ports, prefix).await;
    }
}
