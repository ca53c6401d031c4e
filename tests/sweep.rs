//! Empty channels that a player owns are swept from time to time ("Hive Chat HTTP API", channel rules).

use serde_json::json;

use crate::support::answers::with;
use crate::support::http::channel;
use crate::support::{Node, eventually};

/// A node that sweeps every second.
async fn start() -> Node {
    Node::builder().set("chat.sweep_sec", 1).set("limits.api_burst", 10_000).start().await
}

/// Makes a GROUP channel that player 5001 owns and is in.
async fn create_owned(node: &Node, id: &str) {
    node.api().create(with(channel(id, "GROUP"), "playerId", 5001)).await;
}

async fn is_there(node: &Node, id: &str) -> bool {
    node.api().get(&format!("/channels/{id}")).await.0 == 200
}

/// Waits until the channel is swept; the sweep that took it passed everything older by.
async fn swept(node: &Node, id: &str) {
    eventually("the channel is swept", async || (!is_there(node, id).await).then_some(())).await;
}

#[tokio::test]
async fn an_empty_channel_that_a_player_owns_is_swept() {
    let node = start().await;
    create_owned(&node, "own").await;
    node.api().exit("own", 5001).await;
    assert!(is_there(&node, "own").await, "not at once");
    swept(&node, "own").await;
    create_owned(&node, "own").await;
}

#[tokio::test]
async fn a_system_channel_and_one_with_members_stay() {
    let node = start().await;
    node.api().create_channel("system", "GROUP").await;
    node.api().create_channel("left", "GROUP").await;
    node.api().enter("left", 5001).await;
    node.api().exit("left", 5001).await;
    create_owned(&node, "populated").await;
    create_owned(&node, "handed-on").await;
    node.api().enter("handed-on", 5002).await;
    node.api().exit("handed-on", 5001).await;
    for round in ["first", "second"] {
        create_owned(&node, round).await;
        node.api().exit(round, 5001).await;
        swept(&node, round).await;
    }
    for id in ["system", "left", "populated", "handed-on"] {
        assert!(is_there(&node, id).await, "{id}");
    }
}

#[tokio::test]
async fn a_channel_that_was_entered_again_stays() {
    let node = start().await;
    create_owned(&node, "own").await;
    node.api().exit("own", 5001).await;
    node.api().enter("own", 5002).await;
    create_owned(&node, "later").await;
    node.api().exit("later", 5001).await;
    swept(&node, "later").await;
    assert_eq!(node.api().members("own").await, [5002]);
}

#[tokio::test]
async fn a_swept_channel_is_gone_from_every_list() {
    let node = start().await;
    create_owned(&node, "own").await;
    node.api().exit("own", 5001).await;
    swept(&node, "own").await;
    assert_eq!(node.api().get("/channels").await.1["data"]["totalCount"], json!(0));
}
