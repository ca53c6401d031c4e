//! Notices and custom messages ("Hive Chat HTTP API", operations 15 to 18). Who receives a notice is in `delivery`.

use serde_json::{Value, json};

use crate::support::answers::{assert_instant, codes, refused, with, without};
use crate::support::http::success;
use crate::support::{Client, Node, ROOM, room};

const CHANNEL_NOTICE: &str = "/notices/channel";
const USER_NOTICE: &str = "/notices/user";
const CHANNEL_CUSTOM: &str = "/customs/channel";
const USER_CUSTOM: &str = "/customs/user";

/// A good body for a publish that player 5001, a member of [`ROOM`], receives.
fn body_for(path: &str) -> Value {
    match path {
        CHANNEL_NOTICE => json!({ "channelId": ROOM, "message": "notice" }),
        USER_NOTICE => json!({ "playerId": 5001, "message": "notice" }),
        CHANNEL_CUSTOM => json!({ "channelId": ROOM, "payload": "custom" }),
        _ => json!({ "playerId": 5001, "payload": "custom" }),
    }
}

/// A NOTIFY_CUSTOM without its times, which must be good.
fn custom_of(body: &Value) -> Value {
    assert_instant(&body["timestamp"], &body["timestampMillis"]);
    without(without(body.clone(), "timestamp"), "timestampMillis")
}

/// Connects a player of a language and enters [`ROOM`].
async fn member_of_language(node: &Node, player: i64, lang: &str) -> Client {
    let (mut client, _) = Client::log_in(node, player, "CONNECT", json!({ "langCode": lang })).await;
    node.api().enter(ROOM, player).await;
    client.expect("NOTIFY_ENTER_CHANNEL").await;
    client
}

#[tokio::test]
async fn every_publish_is_answered_with_empty_data() {
    let node = Node::start().await;
    let [_member] = room(&node, [5001]).await;
    for path in [CHANNEL_NOTICE, USER_NOTICE, CHANNEL_CUSTOM, USER_CUSTOM] {
        assert_eq!(success(path, node.api().post(path, body_for(path)).await), json!({}));
    }
}

#[tokio::test]
async fn a_notice_has_1_to_200_characters() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let longest = "🏰".repeat(200);
    for (path, notified) in [(CHANNEL_NOTICE, "NOTIFY_CHANNEL_NOTICE"), (USER_NOTICE, "NOTIFY_NOTICE")] {
        success(path, node.api().post(path, with(body_for(path), "message", longest.as_str())).await);
        assert_eq!(member.expect(notified).await.message(), longest);
        let long = node.api().post(path, with(body_for(path), "message", "x".repeat(201))).await;
        refused(path, long, codes::MESSAGE_TOO_LONG);
        refused(path, node.api().post(path, with(body_for(path), "message", "")).await, codes::BAD_REQUEST);
    }
    member.expect_no_packet().await;
}

#[tokio::test]
async fn a_notice_to_one_channel_reaches_its_members_only() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let mut outsider = Client::connect(&node, 5002).await;
    node.api().notice(ROOM, "to the room").await;
    let notice = member.expect("NOTIFY_CHANNEL_NOTICE").await;
    let expected = json!({ "gameIndex": 7, "channelId": ROOM, "from": "SYSTEM", "message": "to the room" });
    assert_eq!(custom_of(notice.body()), expected);
    outsider.expect_no_packet().await;
}

#[tokio::test]
async fn a_notice_without_a_channel_reaches_every_channel_of_the_game_each_under_its_id() {
    let node = Node::builder().set("limits.api_burst", 1000).start().await;
    let mut client = Client::connect(&node, 5001).await;
    // More channels than the server may handle in one go, the player in the last of them.
    for number in 0..105 {
        node.api().create_channel(&format!("c{number:03}"), "GROUP").await;
    }
    for id in ["c000", "c104"] {
        node.api().enter(id, 5001).await;
        client.expect("NOTIFY_ENTER_CHANNEL").await;
    }
    success("notice", node.api().post(CHANNEL_NOTICE, json!({ "message": "all" })).await);
    let mut told = Vec::new();
    for _ in 0..2 {
        told.push(client.expect("NOTIFY_CHANNEL_NOTICE").await.body()["channelId"].to_string());
    }
    told.sort();
    assert_eq!(told, ["\"c000\"", "\"c104\""]);
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_notice_in_a_language_without_a_channel_reaches_that_language_only() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let mut korean = member_of_language(&node, 5001, "ko").await;
    let mut english = member_of_language(&node, 5002, "en").await;
    korean.expect("NOTIFY_ENTER_CHANNEL").await;
    success("ko", node.api().post(CHANNEL_NOTICE, json!({ "message": "안녕", "langCode": "ko" })).await);
    success("all", node.api().post(CHANNEL_NOTICE, json!({ "message": "end" })).await);
    assert_eq!(korean.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "안녕");
    for client in [&mut korean, &mut english] {
        assert_eq!(client.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "end");
    }
}

#[tokio::test]
async fn a_publish_to_an_unknown_channel_is_answered_400_201() {
    let node = Node::start().await;
    node.other_api().create_channel("there", "PUBLIC").await;
    for path in [CHANNEL_NOTICE, CHANNEL_CUSTOM] {
        for id in ["nowhere", "there", "", "not an id"] {
            let answer = node.api().post(path, with(body_for(path), "channelId", id)).await;
            refused(id, answer, codes::CHANNEL_NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn a_publish_to_a_player_who_is_offline_is_answered_400_300() {
    let node = Node::start().await;
    let gone = Client::connect(&node, 5001).await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    node.api().enter(ROOM, 5001).await;
    gone.close().await;
    let left = async || node.api().members(ROOM).await.is_empty().then_some(());
    crate::support::eventually("the player is logged out", left).await;
    let _elsewhere = Client::connect_to_other(&node, 5001).await;
    for path in [USER_NOTICE, USER_CUSTOM] {
        refused(path, node.api().post(path, body_for(path)).await, codes::NOT_IN_SESSION);
        let never_seen = with(body_for(path), "playerId", 9999);
        refused(path, node.api().post(path, never_seen).await, codes::NOT_IN_SESSION);
    }
}

#[tokio::test]
async fn a_custom_message_to_a_channel_reaches_every_member() {
    let node = Node::start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    let payload = "{\"any\": \"text\"}\n\u{0}🏰";
    success("custom", node.api().post(CHANNEL_CUSTOM, json!({ "channelId": ROOM, "payload": payload })).await);
    for member in [&mut first, &mut second] {
        let packet = member.expect("NOTIFY_CUSTOM").await;
        let expected = json!({ "gameIndex": 7, "channelId": ROOM, "from": "SYSTEM", "payload": payload });
        assert_eq!(custom_of(packet.body()), expected);
        assert!(packet["correlationId"].is_null() && packet["status"].is_null(), "{}", packet.text);
    }
}

#[tokio::test]
async fn a_custom_message_to_a_player_reaches_only_that_player() {
    let node = Node::start().await;
    let [mut addressee, mut other] = room(&node, [5001, 5002]).await;
    success("custom", node.api().post(USER_CUSTOM, json!({ "playerId": 5001, "payload": "gift" })).await);
    let packet = addressee.expect("NOTIFY_CUSTOM").await;
    let expected = json!({ "gameIndex": 7, "playerId": 5001, "from": "SYSTEM", "payload": "gift" });
    assert_eq!(custom_of(packet.body()), expected);
    other.expect_no_packet().await;
}

#[tokio::test]
async fn a_custom_message_has_8000_bytes_at_most() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    for path in [CHANNEL_CUSTOM, USER_CUSTOM] {
        for longest in ["x".repeat(8000), "🏰".repeat(2000), "\"".repeat(8000)] {
            success(path, node.api().post(path, with(body_for(path), "payload", longest.as_str())).await);
            assert_eq!(member.expect("NOTIFY_CUSTOM").await.body()["payload"], longest);
        }
        for long in ["x".repeat(8001), "🏰".repeat(2000) + "x"] {
            let answer = node.api().post(path, with(body_for(path), "payload", long)).await;
            refused(path, answer, codes::CUSTOM_TOO_LARGE);
        }
    }
    member.expect_no_packet().await;
}

#[tokio::test]
async fn an_empty_custom_message_passes() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    success("empty", node.api().post(CHANNEL_CUSTOM, with(body_for(CHANNEL_CUSTOM), "payload", "")).await);
    assert_eq!(member.expect("NOTIFY_CUSTOM").await.body()["payload"], "");
}

#[tokio::test]
async fn a_publish_with_a_missing_or_wrong_typed_field_is_refused() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let required = [
        (CHANNEL_NOTICE, "message"),
        (USER_NOTICE, "message"),
        (USER_NOTICE, "playerId"),
        (CHANNEL_CUSTOM, "channelId"),
        (CHANNEL_CUSTOM, "payload"),
        (USER_CUSTOM, "playerId"),
        (USER_CUSTOM, "payload"),
    ];
    for (path, key) in required {
        refused(key, node.api().post(path, without(body_for(path), key)).await, codes::BAD_REQUEST);
        for wrong in [Value::Null, json!([]), json!({ "x": 1 }), json!(true), json!(1.5)] {
            let body = with(body_for(path), key, wrong);
            refused(&body.to_string(), node.api().post(path, body).await, codes::BAD_REQUEST);
        }
    }
    for key in ["channelId", "langCode"] {
        let body = with(body_for(CHANNEL_NOTICE), key, 1);
        refused(key, node.api().post(CHANNEL_NOTICE, body).await, codes::BAD_REQUEST);
    }
    member.expect_no_packet().await;
}
