//! `Idempotency-Key`: a publish that is repeated with its key takes effect once (operations 15 to 18).

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::{codes, refused, with};
use crate::support::http::{self, success};
use crate::support::node::CERTIFICATION_KEY;
use crate::support::{Client, Node, ROOM, room};

/// Path, body and notification of every operation that takes a key. Player 5001, a member of [`ROOM`], is told.
/// The path serves as the key, too, where a test wants one of its own for each operation.
fn operations() -> [(&'static str, Value, &'static str); 4] {
    [
        ("/notices/channel", json!({ "channelId": ROOM, "message": "once" }), "NOTIFY_CHANNEL_NOTICE"),
        ("/notices/user", json!({ "playerId": 5001, "message": "once" }), "NOTIFY_NOTICE"),
        ("/customs/channel", json!({ "channelId": ROOM, "payload": "once" }), "NOTIFY_CUSTOM"),
        ("/customs/user", json!({ "playerId": 5001, "payload": "once" }), "NOTIFY_CUSTOM"),
    ]
}

async fn post(node: &Node, path: &str, key: impl AsRef<[u8]>, body: &Value) -> (u16, Value) {
    let request = node.request(Method::POST, &format!("/api/v1/games/7{path}")).bearer_auth(CERTIFICATION_KEY);
    http::send(path, request.header("Idempotency-Key", key.as_ref()).json(body)).await
}

/// A notice to [`ROOM`].
fn notice(message: &str) -> Value {
    json!({ "channelId": ROOM, "message": message })
}

/// Asserts that the next notice of the room is this one.
async fn expect_notice(member: &mut Client, message: &str) {
    assert_eq!(member.expect("NOTIFY_CHANNEL_NOTICE").await.message(), message);
}

#[tokio::test]
async fn a_repeat_with_the_same_key_publishes_once_and_gets_the_first_answer() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for (path, body, notified) in operations() {
        let first = post(&node, path, path, &body).await;
        success(path, first.clone());
        for _ in 0..3 {
            assert_eq!(post(&node, path, path, &body).await, first);
        }
        member.expect(notified).await;
        node.api().notice(ROOM, "end").await;
        expect_notice(&mut member, "end").await;
    }
    member.expect_no_packet().await;
}

#[tokio::test]
async fn fifty_repeats_at_once_publish_once() {
    // 208 requests with one key: a fast machine sends them before the default rate lets the last of them in.
    let node = Node::builder().set("limits.api_burst", 1000).start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    for (path, body, notified) in operations() {
        let answers = join_all((0..50).map(|_| post(&node, path, path, &body))).await;
        for answer in answers.into_iter().filter(|(status, _)| *status != 200) {
            refused(path, answer, codes::BUSY);
        }
        success("a later repeat", post(&node, path, path, &body).await);
        first.expect(notified).await;
        if path.ends_with("channel") {
            second.expect(notified).await;
        }
        node.api().notice(ROOM, "end").await;
        expect_notice(&mut first, "end").await;
        expect_notice(&mut second, "end").await;
    }
}

#[tokio::test]
async fn fifty_repeats_at_once_reach_every_channel_once() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    member.expect("NOTIFY_ENTER_CHANNEL").await;
    let body = json!({ "message": "to all" });
    join_all((0..50).map(|_| post(&node, "/notices/channel", "k1", &body))).await;
    success("a later repeat", post(&node, "/notices/channel", "k1", &body).await);
    for id in ["g", ROOM] {
        node.api().notice(id, "end").await;
    }
    let mut told = Vec::new();
    for _ in 0..4 {
        let packet = member.expect("NOTIFY_CHANNEL_NOTICE").await;
        told.push(format!("{} {}", packet.body()["channelId"], packet.message()));
    }
    told.sort();
    assert_eq!(told, ["\"g\" end", "\"g\" to all", "\"open:1\" end", "\"open:1\" to all"]);
}

#[tokio::test]
async fn another_key_publishes_again() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for key in ["k1", "k2", "K1"] {
        success(key, post(&node, "/notices/channel", key, &notice(key)).await);
        expect_notice(&mut member, key).await;
    }
}

#[tokio::test]
async fn without_a_key_every_request_publishes() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for _ in 0..2 {
        node.api().notice(ROOM, "again").await;
        expect_notice(&mut member, "again").await;
    }
}

#[tokio::test]
async fn the_same_key_on_another_operation_is_another_key() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for (path, body, notified) in operations() {
        success(path, post(&node, path, "k1", &body).await);
        assert_eq!(member.next_packet().await.packet_type(), notified, "{path}");
    }
}

#[tokio::test]
async fn the_same_key_in_another_game_is_another_key() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.other_api().create_channel(ROOM, "PUBLIC").await;
    let there = node.request(Method::POST, "/api/v1/games/8/notices/channel");
    let there = there.bearer_auth(crate::support::node::OTHER_CERTIFICATION_KEY).header("Idempotency-Key", "k1");
    success("there", http::send("there", there.json(&notice("there"))).await);
    success("here", post(&node, "/notices/channel", "k1", &notice("here")).await);
    expect_notice(&mut member, "here").await;
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    success("first", post(&node, "/notices/channel", "k1", &notice("first")).await);
    refused("second", post(&node, "/notices/channel", "k1", &notice("second")).await, codes::BAD_REQUEST);
    success("first again", post(&node, "/notices/channel", "k1", &notice("first")).await);
    node.api().notice(ROOM, "end").await;
    expect_notice(&mut member, "first").await;
    expect_notice(&mut member, "end").await;
}

#[tokio::test]
async fn a_key_has_1_to_128_ascii_characters() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let (longest, long) = ("k".repeat(128), "k".repeat(129));
    for bad in [&b""[..], long.as_bytes(), "schlüssel".as_bytes(), b"\xff"] {
        refused("key", post(&node, "/notices/channel", bad, &notice("bad")).await, codes::BAD_REQUEST);
    }
    success("longest", post(&node, "/notices/channel", &longest, &notice("good")).await);
    expect_notice(&mut member, "good").await;
}

#[tokio::test]
async fn a_refusal_is_remembered_as_the_first_answer() {
    let node = Node::start().await;
    refused("no room", post(&node, "/notices/channel", "k1", &notice("x")).await, codes::CHANNEL_NOT_FOUND);
    let user = json!({ "playerId": 5001, "message": "x" });
    refused("offline", post(&node, "/notices/user", "k1", &user).await, codes::NOT_IN_SESSION);
    let [mut member] = room(&node, [5001]).await;
    refused("no room", post(&node, "/notices/channel", "k1", &notice("x")).await, codes::CHANNEL_NOT_FOUND);
    refused("offline", post(&node, "/notices/user", "k1", &user).await, codes::NOT_IN_SESSION);
    member.expect_no_packet().await;
}

#[tokio::test]
async fn a_request_that_was_malformed_uses_no_key_up() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let long = with(notice("x"), "message", "x".repeat(201));
    refused("too long", post(&node, "/notices/channel", "k1", &long).await, codes::MESSAGE_TOO_LONG);
    success("corrected", post(&node, "/notices/channel", "k1", &notice("short")).await);
    expect_notice(&mut member, "short").await;
}

#[tokio::test]
async fn a_key_outlives_a_killed_node() {
    let mut node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for (path, body, notified) in operations() {
        success(path, post(&node, path, path, &body).await);
        member.expect(notified).await;
    }
    node.kill();
    node.restart().await;
    let mut member = Client::connect(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    member.expect("NOTIFY_ENTER_CHANNEL").await;
    for (path, body, _) in operations() {
        success(path, post(&node, path, path, &body).await);
    }
    refused(
        "another body",
        post(&node, "/notices/channel", "/notices/channel", &notice("x")).await,
        codes::BAD_REQUEST,
    );
    node.api().notice(ROOM, "end").await;
    expect_notice(&mut member, "end").await;
    member.expect_no_packet().await;
}

#[tokio::test]
async fn a_key_is_forgotten_after_its_time() {
    let node = Node::builder().set("limits.idempotency_sec", 1).start().await;
    let [mut member] = room(&node, [5001]).await;
    success("first", post(&node, "/notices/channel", "k1", &notice("same")).await);
    expect_notice(&mut member, "same").await;
    let again = async || {
        success("again", post(&node, "/notices/channel", "k1", &notice("same")).await);
        node.api().notice(ROOM, "end").await;
        (member.expect("NOTIFY_CHANNEL_NOTICE").await.message() == "same").then_some(())
    };
    crate::support::eventually("the same key publishes again", again).await;
}
