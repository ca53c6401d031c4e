//! The message history ("Hive Chat HTTP API", operation 19).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::{codes, refused, texts, with};
use crate::support::http::{channel, success};
use crate::support::{Client, Node, ROOM};

/// A node on which a client may say much at once.
async fn start() -> Node {
    Node::builder().set("limits.chat_burst", 1000).start().await
}

/// Player 5001 in the room, whose history is kept.
async fn recorded_room(node: &Node) -> Client {
    let mut client = Client::connect(node, 5001).await;
    node.api().create(with(channel(ROOM, "PUBLIC"), "chatHistoryAllowed", true)).await;
    node.api().enter(ROOM, 5001).await;
    client.expect("NOTIFY_ENTER_CHANNEL").await;
    client
}

/// Says `1`, `2` and so on; the bodies of the notifications.
async fn say_numbers(client: &mut Client, count: usize) -> Vec<Value> {
    let mut bodies = Vec::new();
    for number in 1..=count {
        assert_eq!(client.say(ROOM, &number.to_string()).await.status(), 200);
        bodies.push(client.expect("NOTIFY_CHANNEL_CHAT").await.body().clone());
    }
    bodies
}

async fn ask(node: &Node, id: &str, query: &str) -> (u16, Value) {
    node.api().call_version("v2", Method::GET, &format!("/channels/{id}/messages{query}"), None).await
}

async fn history(node: &Node, query: &str) -> Value {
    success(query, ask(node, ROOM, query).await)
}

/// The texts of a history, and its two flags, as one line: `<1 2 3>` has more on both sides.
fn line(data: &Value) -> String {
    let flag = |key: &str| data[key].as_bool().unwrap_or_else(|| panic!("no flag {key}: {data}"));
    let (before, after) = (if flag("hasPrev") { "<" } else { "" }, if flag("hasNext") { ">" } else { "" });
    format!("{before}{}{after}", texts(&data["messages"], "message").join(" "))
}

/// The id of each of the newest messages, oldest first.
async fn message_ids(node: &Node) -> Vec<String> {
    let data = history(node, "?prevSize=50").await;
    texts(&data["messages"], "messageId").into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_history_holds_the_bodies_of_the_notifications_and_a_message_id_each() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    let notified = say_numbers(&mut client, 3).await;
    let data = history(&node, "?prevSize=50").await;
    let ids = texts(&data["messages"], "messageId");
    let expected: Vec<_> = notified.iter().zip(&ids).map(|(body, id)| with(body.clone(), "messageId", *id)).collect();
    assert_eq!(data, json!({ "messages": expected, "hasPrev": false, "hasNext": false }));
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), 3, "{ids:?}");
}

#[tokio::test]
async fn a_message_has_the_id_its_notification_carries_under_the_extension() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    let (mut extended, _) = Client::log_in(&node, 5002, "CONNECT", json!({ "extensions": ["sequence"] })).await;
    node.api().enter(ROOM, 5002).await;
    extended.expect("NOTIFY_ENTER_CHANNEL").await;
    assert_eq!(client.say(ROOM, "hi").await.status(), 200);
    let notified = extended.expect("NOTIFY_CHANNEL_CHAT").await;
    assert_eq!(json!(message_ids(&node).await), json!([notified.body()["messageId"]]));
}

#[tokio::test]
async fn extra_data_is_in_the_history() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    let body = with(crate::support::client::chat_body(5001, ROOM, "hi"), "extraData", "{\"hat\":1}");
    assert_eq!(client.request("CHANNEL_CHAT", body).await.status(), 200);
    assert_eq!(history(&node, "?prevSize=1").await["messages"][0]["extraData"], "{\"hat\":1}");
}

#[tokio::test]
async fn a_channel_without_history_is_refused_403_102() {
    let node = start().await;
    node.api().create_channel("g", "GROUP").await;
    refused("not allowed", ask(&node, "g", "?prevSize=10").await, codes::FORBIDDEN);
    refused("not allowed", ask(&node, "g", "").await, codes::FORBIDDEN);
    success("allow", node.api().put("/channels/g", json!({ "chatHistoryAllowed": true })).await);
    success("allowed", ask(&node, "g", "?prevSize=10").await);
    success("forbid", node.api().put("/channels/g", json!({ "chatHistoryAllowed": false })).await);
    refused("not allowed", ask(&node, "g", "?prevSize=10").await, codes::FORBIDDEN);
}

#[tokio::test]
async fn a_one_on_one_channel_has_no_history() {
    let node = start().await;
    let made = success("make", node.api().post("/channel/one-on-one", json!({ "playerIds": [5001, 5002] })).await);
    let id = made["channelId"].as_str().expect("an id");
    refused("one-on-one", ask(&node, id, "?prevSize=10").await, codes::FORBIDDEN);
}

#[tokio::test]
async fn the_history_of_an_unknown_channel_is_answered_400_201() {
    let node = start().await;
    for id in ["nowhere", "not%20an%20id"] {
        refused(id, ask(&node, id, "?prevSize=10").await, codes::CHANNEL_NOT_FOUND);
    }
}

#[tokio::test]
async fn the_history_is_at_version_2_only() {
    let node = start().await;
    let _client = recorded_room(&node).await;
    refused("v1", node.api().get(&format!("/channels/{ROOM}/messages?prevSize=1")).await, codes::NOT_FOUND);
}

#[tokio::test]
async fn without_an_anchor_the_newest_come_and_the_next_size_is_ignored() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    assert_eq!(line(&history(&node, "?prevSize=10").await), "");
    say_numbers(&mut client, 5).await;
    for (query, expected) in [
        ("?prevSize=2", "<4 5"),
        ("?prevSize=4&nextSize=50", "<2 3 4 5"),
        ("?prevSize=5", "1 2 3 4 5"),
        ("?prevSize=50", "1 2 3 4 5"),
    ] {
        assert_eq!(line(&history(&node, query).await), expected, "{query}");
    }
    assert_eq!(history(&node, "?nextSize=3").await["messages"], json!([]));
}

#[tokio::test]
async fn around_an_anchor_come_so_many_before_it_itself_once_and_so_many_after() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 7).await;
    let ids = message_ids(&node).await;
    for (anchor, prev, next, expected) in [
        (4, 1, 1, "<3 4 5>"),
        (4, 2, 0, "<2 3 4>"),
        (4, 0, 2, "<4 5 6>"),
        (4, 3, 3, "1 2 3 4 5 6 7"),
        (4, 3, 2, "1 2 3 4 5 6>"),
        (4, 2, 3, "<2 3 4 5 6 7"),
        (4, 50, 50, "1 2 3 4 5 6 7"),
        (1, 3, 1, "1 2>"),
        (7, 1, 3, "<6 7"),
    ] {
        let query = format!("?messageId={}&prevSize={prev}&nextSize={next}", ids[anchor - 1]);
        assert_eq!(line(&history(&node, &query).await), expected, "anchor {anchor}, {prev} before, {next} after");
    }
}

#[tokio::test]
async fn a_history_of_size_0_both_ways_is_empty() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 3).await;
    let anchored = format!("?messageId={}&prevSize=0&nextSize=0", message_ids(&node).await[1]);
    for query in ["", "?prevSize=0&nextSize=0", &anchored] {
        assert_eq!(history(&node, query).await["messages"], json!([]), "{query}");
    }
}

#[tokio::test]
async fn fifty_come_each_way_at_most() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 102).await;
    let newest = history(&node, "?prevSize=50").await;
    assert_eq!((newest["messages"].as_array().map(Vec::len), &newest["hasPrev"]), (Some(50), &json!(true)));
    // The oldest of the newest fifty is the 53rd: fifty more lie each way, and two beyond on one side.
    let anchor = newest["messages"][0]["messageId"].as_str().expect("an id");
    let around = history(&node, &format!("?messageId={anchor}&prevSize=50&nextSize=50")).await;
    let expected: Vec<_> = (3..=102).map(|number: i32| number.to_string()).collect();
    assert_eq!(line(&around), format!("<{}", expected.join(" ")));
    for query in ["prevSize=51", "nextSize=51", "prevSize=-1", "nextSize=-1", "prevSize=x", "nextSize=", "prevSize=1.5"]
    {
        refused(query, ask(&node, ROOM, &format!("?{query}")).await, codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn an_unknown_anchor_is_refused() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 2).await;
    node.api().create(with(channel("elsewhere", "PUBLIC"), "chatHistoryAllowed", true)).await;
    node.api().enter("elsewhere", 5001).await;
    assert_eq!(client.say("elsewhere", "hi").await.status(), 200);
    let elsewhere = success("elsewhere", ask(&node, "elsewhere", "?prevSize=1").await);
    let elsewhere = texts(&elsewhere["messages"], "messageId")[0].to_owned();
    let not_yet_said = format!("{}999999", message_ids(&node).await[1]);
    for id in ["x", "", "0", "-1", "00000000-0000-0000-0000-000000000000", &not_yet_said, &elsewhere] {
        let query = format!("?messageId={id}&prevSize=1&nextSize=1");
        refused(&query, ask(&node, ROOM, &query).await, codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn only_chat_messages_are_history() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 1).await;
    let mut partner = Client::connect(&node, 5002).await;
    node.api().notice(ROOM, "notice").await;
    node.api().user_notice(5001, "user notice").await;
    for (path, key, to) in [("/customs/channel", "channelId", json!(ROOM)), ("/customs/user", "playerId", json!(5001))]
    {
        success(path, node.api().post(path, json!({ key: to, "payload": "custom" })).await);
    }
    node.api().enter(ROOM, 5002).await;
    assert_eq!(partner.whisper(5001, "direct").await.status(), 200);
    node.api().exit(ROOM, 5002).await;
    assert_eq!(client.say(ROOM, "last").await.status(), 200);
    assert_eq!(line(&history(&node, "?prevSize=50").await), "1 last");
    let last = message_ids(&node).await.pop().expect("two messages");
    assert_eq!(line(&history(&node, &format!("?messageId={last}&prevSize=1")).await), "1 last");
}

#[tokio::test]
async fn a_block_does_not_rewrite_the_history() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    node.api().block(5002, 5001).await;
    say_numbers(&mut client, 2).await;
    node.api().block(5001, 5002).await;
    say_numbers(&mut client, 1).await;
    assert_eq!(line(&history(&node, "?prevSize=50").await), "1 2 1");
}

#[tokio::test]
async fn a_history_outlives_its_writers_and_a_killed_node() {
    let mut node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 3).await;
    node.api().exit(ROOM, 5001).await;
    let before = history(&node, "?prevSize=50").await;
    node.kill();
    node.restart().await;
    assert_eq!(history(&node, "?prevSize=50").await, before);
}

#[tokio::test]
async fn a_history_ends_with_its_channel() {
    let node = start().await;
    let mut client = recorded_room(&node).await;
    say_numbers(&mut client, 1).await;
    let id = message_ids(&node).await.pop().expect("a message");
    node.api().delete_channel(ROOM).await;
    node.api().create(with(channel(ROOM, "PUBLIC"), "chatHistoryAllowed", true)).await;
    assert_eq!(line(&history(&node, "?prevSize=50").await), "");
    let query = format!("?messageId={id}&prevSize=1");
    refused("an id of the old channel", ask(&node, ROOM, &query).await, codes::BAD_REQUEST);
}
