//! A node that drains, dies and comes back on the same data.

use serde_json::{Value, json};

use crate::support::{Client, Node, ROOM, RawSocket, eventually, room};

const DRAIN: (u16, &str) = (1012, "node drains, reconnect");

/// Short leases, so that a killed node is noticed within the deadline of a test.
async fn start() -> Node {
    Node::builder().set("cluster.lease_sec", 1).set("cluster.drain_sec", 5).start().await
}

async fn expect_drained(client: &mut Client) {
    let (code, reason) = client.skip_to_close().await;
    assert_eq!((code, reason.as_str()), DRAIN);
}

/// RECONNECT, and the body of its response.
async fn reconnect(node: &Node, player: i64) -> (Client, Value) {
    let (client, response) = Client::reconnect(node, player).await;
    (client, response.body().clone())
}

#[tokio::test]
async fn sigterm_closes_every_socket_with_the_code_to_reconnect_and_exits_0() {
    let mut node = start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    let mut silent = Client::open(&node, 5003).await;
    node.signal("TERM");
    tokio::join!(expect_drained(&mut first), expect_drained(&mut second), expect_drained(&mut silent));
    drop((first, second, silent));
    node.expect_exit().await;
}

#[tokio::test]
async fn sigterm_ends_a_node_nobody_uses() {
    let mut node = start().await;
    node.stop().await;
}

#[tokio::test]
async fn a_client_that_never_answers_does_not_hold_up_the_drain() {
    let mut node = start().await;
    let _mute = RawSocket::connect(&node, 5001).await;
    node.stop().await;
}

#[tokio::test]
async fn a_drained_client_finds_its_channels_and_messages_after_the_restart() {
    let mut node = start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    node.signal("TERM");
    tokio::join!(expect_drained(&mut first), expect_drained(&mut second));
    drop((first, second));
    node.expect_exit().await;
    node.restart().await;

    let (mut second, body) = reconnect(&node, 5002).await;
    assert_eq!((&body["channelIds"], &body["failChannelIds"]), (&json!([ROOM]), &json!([])));
    assert_eq!(second.say(ROOM, "missed by 5001").await.status(), 200);
    let original = second.skip_to("NOTIFY_CHANNEL_CHAT").await;

    let (mut first, body) = reconnect(&node, 5001).await;
    assert_eq!((&body["channelIds"], &body["failChannelIds"]), (&json!([ROOM]), &json!([])));
    assert_eq!(first.skip_to("NOTIFY_CHANNEL_CHAT").await.text, original.text);
}

#[tokio::test]
async fn channels_blocks_and_suspensions_outlive_a_killed_node() {
    let mut node = start().await;
    node.api().create_channel("guild", "GROUP").await;
    node.api().block(5001, 5002).await;
    node.admin(
        reqwest::Method::PUT,
        "/admin/v1/games/demo/players/5003/suspension",
        Some(json!({ "reason": "cheating" })),
    )
    .await;
    node.kill();
    node.restart().await;
    let (status, answer) = node.api().get("/channels/guild").await;
    assert_eq!((status, &answer["data"]["type"]), (200, &json!("GROUP")), "{answer}");
    let (_, answer) = node.api().get("/users/5001/blocks").await;
    assert_eq!(answer["data"]["blocks"][0]["playerId"], 5002, "{answer}");
    let (_client, response) = Client::log_in(&node, 5003, "CONNECT", json!({})).await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn a_killed_node_leaves_no_ghosts() {
    let mut node = start().await;
    let _members = room(&node, [5001, 5002]).await;
    node.kill();
    node.restart().await;
    let empty = async || node.api().members(ROOM).await.is_empty().then_some(());
    eventually("the members of the killed node leave", empty).await;
    let mut sender = Client::connect(&node, 5003).await;
    assert_eq!(sender.whisper(5001, "anybody?").await.status(), 409);
}

#[tokio::test]
async fn after_a_kill_reconnect_restores_the_channels() {
    let mut node = start().await;
    let _members = room(&node, [5001, 5002]).await;
    node.kill();
    node.restart().await;
    let (_first, body) = reconnect(&node, 5001).await;
    assert_eq!((&body["channelIds"], &body["failChannelIds"]), (&json!([ROOM]), &json!([])));
    assert!(node.api().members(ROOM).await.contains(&5001));
}

#[tokio::test]
async fn an_acknowledged_message_outlives_a_killed_node() {
    let mut node = start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let opt_in = json!({ "extensions": ["sequence"] });
    let (mut reader, _) = Client::log_in(&node, 5001, "CONNECT", opt_in).await;
    node.api().enter(ROOM, 5001).await;
    let entered = reader.expect("NOTIFY_ENTER_CHANNEL").await;
    for text in ["one", "two", "three"] {
        assert_eq!(reader.say(ROOM, text).await.status(), 200);
    }
    node.kill();
    node.restart().await;

    let place = json!({ "epoch": entered.body()["epoch"], "sequence": entered.body()["sequence"] });
    let resume = json!({ "extensions": ["sequence"], "positions": { ROOM: place } });
    let (mut back, response) = Client::log_in(&node, 5001, "RECONNECT", resume).await;
    assert_eq!(response.body()["recovered"], json!({ ROOM: true }), "{}", response.text);
    for text in ["one", "two", "three"] {
        assert_eq!(back.skip_to("NOTIFY_CHANNEL_CHAT").await.message(), text);
    }
}
