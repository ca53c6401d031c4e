//! The written contract of every port, on a single server, through Sentinels and on a cluster.

use guildhall::adapters::redis::Redis;
use guildhall_actors::testing::contract::{self, check};

use super::store::{open, single};
use crate::support::redis::{RedisCluster, RedisSentinel};

/// Twice: what the first run left behind must not be in the way.
async fn holds(store: &Redis) {
    let ports = store.ports();
    for round in ["first", "second"] {
        let suites = [
            ("channels", contract::channels()),
            ("players", contract::players()),
            ("sessions", contract::sessions()),
            ("nodes", contract::nodes()),
            ("inbox", contract::inbox()),
        ];
        for (port, clauses) in suites {
            check(&clauses, &ports, &format!("{round} {port} ")).await;
        }
    }
}

#[tokio::test]
async fn the_contract_holds_on_a_single_server() {
    let (_server, store) = single().await;
    holds(&store).await;
}

#[tokio::test]
async fn the_contract_holds_through_sentinels() {
    let sentinels = RedisSentinel::start().await;
    holds(&open(sentinels.urls()).await).await;
}

#[tokio::test]
async fn the_contract_holds_on_a_cluster() {
    let cluster = RedisCluster::start().await;
    holds(&open(cluster.urls()).await).await;
}
