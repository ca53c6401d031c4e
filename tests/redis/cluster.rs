//! A cluster whose masters change while a node has nothing to say.

use guildhall::adapters::redis::Redis;

use super::store::open;
use crate::support::eventually;
use crate::support::redis::{RedisCluster, RedisServer};

async fn is_ready(store: &Redis) {
    eventually("every master is heard", async || store.ping().await.ok()).await;
}

async fn is_not_ready(store: &Redis) {
    eventually("a master is missed", async || store.ping().await.err()).await;
}

/// Names of beats that are heard on a server.
async fn beats(server: &RedisServer) -> Vec<String> {
    server.command(&["PUBSUB", "SHARDCHANNELS", "guildhall:{beat:*"]).await
}

#[tokio::test]
async fn a_master_that_died_is_replaced_without_traffic() {
    let mut cluster = RedisCluster::start().await;
    let store = open(cluster.urls()).await;
    is_ready(&store).await;
    cluster.kill_master_of("some key").await;
    is_not_ready(&store).await;
    is_ready(&store).await;
}

#[tokio::test]
async fn a_beat_whose_slot_moves_is_taken_elsewhere() {
    let cluster = RedisCluster::start().await;
    let store = open(cluster.urls()).await;
    is_ready(&store).await;
    let [from, to] = [&cluster.nodes[0], &cluster.nodes[1]];
    let [beat] = &beats(from).await[..] else { panic!("a line has one beat") };
    let slot: u16 = from.command(&["CLUSTER", "KEYSLOT", beat]).await;
    let new: String = to.command(&["CLUSTER", "MYID"]).await;
    for server in [to, from] {
        server.command::<()>(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &new]).await;
    }
    let other = async || beats(from).await.into_iter().find(|found| found != beat);
    eventually("another beat on the line", other).await;
    is_ready(&store).await;
}
