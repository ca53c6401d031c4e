//! The 17 packets, byte for byte ("Hive Chat WebSocket API", packet samples).

use serde_json::json;

use crate::support::client::{chat_body, login_body};
use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::{Client, Node, Packet, ROOM, WAIT, room};

#[tokio::test]
async fn connect_is_answered_with_a_session_id() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    let body = login_body(5001, &node.api().token(5001).await);
    let packet = json!({ "packetType": "CONNECT", "correlationId": "c1", "body": body });
    let response = client.exchange(&packet, "c1").await;
    let session = response.body()["sessionId"].as_str().expect("sessionId is a string");
    assert!(!session.is_empty());
    assert_eq!(
        response.text,
        format!(
            r#"{{"packetType":"RESPONSE_CONNECT","correlationId":"c1","status":200,"message":"OK","body":{{"sessionId":"{session}"}}}}"#
        )
    );
}

#[tokio::test]
async fn reconnect_is_answered_with_a_session_id_and_two_lists() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    let body = login_body(5001, &node.api().token(5001).await);
    let packet = json!({ "packetType": "RECONNECT", "correlationId": "r1", "body": body });
    let response = client.exchange(&packet, "r1").await;
    let session = response.body()["sessionId"].as_str().expect("sessionId is a string");
    assert_eq!(
        response.text,
        format!(
            r#"{{"packetType":"RESPONSE_RECONNECT","correlationId":"r1","status":200,"message":"OK","body":{{"sessionId":"{session}","channelIds":[],"failChannelIds":[]}}}}"#
        )
    );
}

#[tokio::test]
async fn every_login_has_a_session_id_of_its_own() {
    let node = Node::start().await;
    let mut ids = Vec::new();
    for (player, packet_type) in [(5001, "CONNECT"), (5002, "CONNECT"), (5001, "RECONNECT")] {
        let (_client, response) = Client::log_in(&node, player, packet_type, json!({})).await;
        ids.push(response.body()["sessionId"].as_str().expect("sessionId is a string").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[tokio::test]
async fn ping_is_answered_with_a_bare_pong() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text(r#"{"packetType":"PING"}"#).await;
    assert_eq!(client.next_packet().await.text, r#"{"packetType":"PONG"}"#);
}

#[tokio::test]
async fn pong_carries_the_correlation_id_of_its_ping() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text(r#"{"packetType":"PING","correlationId":"p1"}"#).await;
    assert_eq!(client.next_packet().await.text, r#"{"packetType":"PONG","correlationId":"p1"}"#);
}

#[tokio::test]
async fn channel_chat_is_answered_without_a_body_and_notified_to_the_channel() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    let packet = json!({ "packetType": "CHANNEL_CHAT", "correlationId": "m1", "body": chat_body(5001, ROOM, "hi") });
    let response = sender.exchange(&packet, "m1").await;
    assert_eq!(
        response.text,
        r#"{"packetType":"RESPONSE_CHANNEL_CHAT","correlationId":"m1","status":200,"message":"OK"}"#
    );
    assert_wire(
        &member.next_packet().await,
        r#"{"packetType":"NOTIFY_CHANNEL_CHAT","body":{"gameIndex":7,"from":5001,"to":"open:1","message":"hi","extraData":"","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn direct_chat_is_answered_without_a_body_and_notified_to_the_player() {
    let node = Node::start().await;
    let mut sender = Client::connect(&node, 5002).await;
    let mut partner = Client::connect(&node, 5001).await;
    let packet = json!({ "packetType": "DIRECT_CHAT", "correlationId": "d1", "body": chat_body(5002, 5001, "yo") });
    let response = sender.exchange(&packet, "d1").await;
    assert_eq!(
        response.text,
        r#"{"packetType":"RESPONSE_DIRECT_CHAT","correlationId":"d1","status":200,"message":"OK"}"#
    );
    assert_wire(
        &partner.next_packet().await,
        r#"{"packetType":"NOTIFY_DIRECT_CHAT","body":{"gameIndex":7,"from":5002,"to":5001,"message":"yo","extraData":"","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn a_refused_direct_chat_is_answered_without_a_body() {
    let node = Node::start().await;
    let mut sender = Client::connect(&node, 5001).await;
    let packet = json!({ "packetType": "DIRECT_CHAT", "correlationId": "d2", "body": chat_body(5001, 5002, "yo") });
    let response = sender.exchange(&packet, "d2").await;
    assert_eq!(
        response.text,
        r#"{"packetType":"RESPONSE_DIRECT_CHAT","correlationId":"d2","status":409,"message":"Conflict"}"#
    );
}

#[tokio::test]
async fn entering_is_notified_to_the_channel_and_to_the_one_who_enters() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5002]).await;
    let mut entering = Client::connect(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    for client in [&mut member, &mut entering] {
        assert_wire(
            &client.next_packet().await,
            r#"{"packetType":"NOTIFY_ENTER_CHANNEL","body":{"gameIndex":7,"channelId":"open:1","playerId":5001,"timestamp":"<text>","timestampMillis":<ms>}}"#,
        );
    }
}

#[tokio::test]
async fn leaving_is_notified_to_the_channel_and_to_the_one_who_leaves() {
    let node = Node::start().await;
    let [mut member, mut leaving] = room(&node, [5002, 5001]).await;
    node.api().exit(ROOM, 5001).await;
    for client in [&mut member, &mut leaving] {
        assert_wire(
            &client.next_packet().await,
            r#"{"packetType":"NOTIFY_EXIT_CHANNEL","body":{"gameIndex":7,"channelId":"open:1","playerId":5001,"timestamp":"<text>","timestampMillis":<ms>}}"#,
        );
    }
}

#[tokio::test]
async fn the_end_of_a_channel_is_notified_to_its_members() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.api().delete_channel(ROOM).await;
    assert_wire(
        &member.next_packet().await,
        r#"{"packetType":"NOTIFY_DELETE_CHANNEL","body":{"gameIndex":7,"channelId":"open:1","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn a_channel_notice_comes_from_system() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.api().notice(ROOM, "maintenance at 9").await;
    assert_wire(
        &member.next_packet().await,
        r#"{"packetType":"NOTIFY_CHANNEL_NOTICE","body":{"gameIndex":7,"channelId":"open:1","from":"SYSTEM","message":"maintenance at 9","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn a_user_notice_names_its_addressee() {
    let node = Node::start().await;
    let mut player = Client::connect(&node, 5001).await;
    node.api().user_notice(5001, "gift sent").await;
    assert_wire(
        &player.next_packet().await,
        r#"{"packetType":"NOTIFY_NOTICE","body":{"gameIndex":7,"playerId":5001,"from":"SYSTEM","message":"gift sent","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn custom_messages_come_in_a_packet_of_our_own() {
    // The contract never published a name for it (design, section 9).
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let payload = json!({ "channelId": ROOM, "payload": "{\"dice\":6}" });
    success("channel custom", node.api().post("/customs/channel", payload).await);
    assert_wire(
        &member.next_packet().await,
        r#"{"packetType":"NOTIFY_CUSTOM","body":{"gameIndex":7,"channelId":"open:1","from":"SYSTEM","payload":"{\"dice\":6}","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
    let payload = json!({ "playerId": 5001, "payload": "x" });
    success("user custom", node.api().post("/customs/user", payload).await);
    assert_wire(
        &member.next_packet().await,
        r#"{"packetType":"NOTIFY_CUSTOM","body":{"gameIndex":7,"playerId":5001,"from":"SYSTEM","payload":"x","timestamp":"<text>","timestampMillis":<ms>}}"#,
    );
}

#[tokio::test]
async fn text_travels_unchanged() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    let text = "\"quoted\" \\ \n\t\u{0}\u{1f} </script> é 漢字 🏰\u{202e}\u{2028} {\"packetType\":\"PING\"}";
    assert_eq!(sender.say(ROOM, text).await.status(), 200);
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), text);
    assert_eq!(sender.whisper(5002, text).await.status(), 200);
    assert_eq!(member.expect("NOTIFY_DIRECT_CHAT").await.message(), text);
}

#[tokio::test]
async fn extra_data_travels_unchanged() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    let mut body = chat_body(5001, ROOM, "hi");
    body["extraData"] = json!("{\"emote\":\"wave 👋\"}");
    assert_eq!(sender.request("CHANNEL_CHAT", body).await.status(), 200);
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.body()["extraData"], "{\"emote\":\"wave 👋\"}");
}

/// Compares the exact text of a packet with a sample in which `<text>` and `<ms>` stand for its time.
fn assert_wire(packet: &Packet, sample: &str) {
    let text = packet.body()["timestamp"].as_str().unwrap_or_else(|| panic!("no timestamp: {}", packet.text));
    let ms = packet.body()["timestampMillis"].as_i64().unwrap_or_else(|| panic!("no long: {}", packet.text));
    let expected = sample.replace("<text>", text).replace("<ms>", &ms.to_string());
    assert_eq!(packet.text, expected);
    assert_eq!(utc_text(ms), text, "timestamp and timestampMillis are one instant");
    let age = now_ms() - ms;
    assert!(age.abs() < WAIT.as_millis() as i64, "{text} is {age} ms ago");
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSS'Z'`
fn utc_text(ms: i64) -> String {
    format!("{:.3}", jiff::Timestamp::from_millisecond(ms).expect("an instant"))
}
