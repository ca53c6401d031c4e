//! The frame around every packet: `packetType`, `correlationId`, `body` ("Hive Chat WebSocket API", framing), and
//! what is answered to a packet that is JSON but not well formed.

use serde_json::{Value, json};

use crate::support::client::{chat_body, login_body};
use crate::support::{Client, Node, ROOM, room};

/// The text of a 400 without a correlation id.
fn bad_request(packet_type: &str) -> String {
    format!(r#"{{"packetType":"RESPONSE_{packet_type}","status":400,"message":"Bad Request"}}"#)
}

/// Sends a packet, which must be answered with status 400 on a socket that stays open.
async fn expect_400(client: &mut Client, packet: &Value) {
    client.send(packet).await;
    let response = client.next_packet().await;
    assert_eq!(response.status(), 400, "{packet} -> {}", response.text);
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_response_has_no_correlation_id_when_its_request_had_none() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    client.send(&json!({ "packetType": "CONNECT", "body": login_body(5001, &node.api().token(5001).await) })).await;
    let response = client.expect("RESPONSE_CONNECT").await;
    assert!(response["correlationId"].is_null(), "{}", response.text);
    client.send(&json!({ "packetType": "CHANNEL_CHAT", "body": chat_body(5001, ROOM, "hi") })).await;
    assert_eq!(client.next_packet().await.text, bad_request("CHANNEL_CHAT"));
    client.send(&json!({ "packetType": "DIRECT_CHAT", "body": chat_body(5001, 5001, "hi") })).await;
    assert_eq!(client.next_packet().await.text, bad_request("DIRECT_CHAT"));
}

#[tokio::test]
async fn a_correlation_id_is_echoed_verbatim() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for id in ["", " ", "\"\\\u{7}", "漢字 🏰", &"é".repeat(64)] {
        client.send(&json!({ "packetType": "PING", "correlationId": id })).await;
        assert_eq!(client.expect("PONG").await["correlationId"], id);
    }
}

#[tokio::test]
async fn a_null_correlation_id_is_none() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send(&json!({ "packetType": "PING", "correlationId": null })).await;
    assert_eq!(client.next_packet().await.text, r#"{"packetType":"PONG"}"#);
}

#[tokio::test]
async fn a_correlation_id_may_come_again() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for _ in 0..2 {
        client.send(&json!({ "packetType": "PING", "correlationId": "same" })).await;
        assert_eq!(client.expect("PONG").await["correlationId"], "same");
    }
}

#[tokio::test]
async fn a_correlation_id_over_128_bytes_is_refused() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    for id in ["x".repeat(129), "é".repeat(65)] {
        let body = chat_body(5001, ROOM, "hi");
        expect_400(&mut client, &json!({ "packetType": "CHANNEL_CHAT", "correlationId": id, "body": body })).await;
    }
}

#[tokio::test]
async fn a_correlation_id_that_is_no_string_is_refused() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    for id in [json!(1), json!(["c1"]), json!({}), json!(true)] {
        let body = chat_body(5001, ROOM, "hi");
        expect_400(&mut client, &json!({ "packetType": "CHANNEL_CHAT", "correlationId": id, "body": body })).await;
    }
}

#[tokio::test]
async fn an_unknown_packet_type_is_refused_under_its_own_name() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    // Withdrawn, server-sent and misspelled packets are all unknown.
    for unknown in ["DISCONNECT", "NOTIFY_CHANNEL_CHAT", "RESPONSE_CONNECT", "PONG", "ping", "DANCE \"é", ""] {
        client.send(&json!({ "packetType": unknown, "correlationId": "u1", "body": {} })).await;
        let response = client.next_packet().await;
        assert_eq!(response.packet_type(), format!("RESPONSE_{unknown}"));
        assert_eq!((response.status(), &response["correlationId"]), (400, &json!("u1")), "{}", response.text);
    }
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_request_without_a_body_is_refused() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for packet_type in ["CHANNEL_CHAT", "DIRECT_CHAT"] {
        client.send(&json!({ "packetType": packet_type })).await;
        assert_eq!(client.next_packet().await.text, bad_request(packet_type));
        for body in [Value::Null, json!([]), json!("x"), json!(1)] {
            client.send(&json!({ "packetType": packet_type, "body": body })).await;
            assert_eq!(client.next_packet().await.text, bad_request(packet_type));
        }
    }
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_login_without_a_body_is_refused_with_an_empty_body() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    for packet_type in ["CONNECT", "RECONNECT"] {
        client.send(&json!({ "packetType": packet_type, "correlationId": "c1" })).await;
        let expected = format!(
            r#"{{"packetType":"RESPONSE_{packet_type}","correlationId":"c1","status":400,"message":"Bad Request","body":{{}}}}"#
        );
        assert_eq!(client.next_packet().await.text, expected);
    }
    let response = client.request("CONNECT", login_body(5001, &node.api().token(5001).await)).await;
    assert_eq!(response.status(), 200, "the socket stayed open");
}

#[tokio::test]
async fn a_ping_needs_no_body_and_ignores_one() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for body in [json!({ "x": 1 }), json!([]), Value::Null] {
        client.send(&json!({ "packetType": "PING", "body": body })).await;
        assert_eq!(client.next_packet().await.text, r#"{"packetType":"PONG"}"#);
    }
}

#[tokio::test]
async fn unknown_keys_are_ignored() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    let mut body = chat_body(5001, ROOM, "hi");
    body["nickname"] = json!({ "deep": [1, 2, { "er": null }] });
    client.send(&json!({ "packetType": "CHANNEL_CHAT", "correlationId": "k1", "version": 3, "body": body })).await;
    let packets = [client.next_packet().await, client.next_packet().await]; // in either order
    assert!(packets.iter().any(|packet| packet["status"] == 200), "{packets:?}");
    assert!(packets.iter().any(|packet| packet.packet_type() == "NOTIFY_CHANNEL_CHAT"), "{packets:?}");
}

#[tokio::test]
async fn extra_data_of_an_older_client_at_connect_is_ignored() {
    let node = Node::start().await;
    let (_client, response) = Client::log_in(&node, 5001, "CONNECT", json!({ "extraData": "nickname" })).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn absent_or_null_extra_data_is_the_empty_string() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    for (packet_type, to, notified) in
        [("CHANNEL_CHAT", json!(ROOM), "NOTIFY_CHANNEL_CHAT"), ("DIRECT_CHAT", json!(5002), "NOTIFY_DIRECT_CHAT")]
    {
        let mut body = chat_body(5001, to, "hi");
        body["extraData"] = Value::Null;
        assert_eq!(sender.request(packet_type, body.clone()).await.status(), 200);
        body.as_object_mut().expect("a body is an object").remove("extraData");
        assert_eq!(sender.request(packet_type, body).await.status(), 200);
        for _ in 0..2 {
            assert_eq!(member.expect(notified).await.body()["extraData"], "");
        }
    }
}

#[tokio::test]
async fn any_language_code_is_accepted() {
    let node = Node::start().await;
    for lang in ["ko", "zh-hans", "xx", "EN-gb"] {
        let (_client, response) = Client::log_in(&node, 5001, "CONNECT", json!({ "langCode": lang })).await;
        assert_eq!(response.status(), 200, "{lang:?}");
    }
}

#[tokio::test]
async fn a_chat_with_a_missing_or_wrong_typed_field_is_refused() {
    let node = Node::builder().set("limits.chat_per_sec", 1000).set("limits.chat_burst", 1000).start().await;
    let [mut client] = room(&node, [5001]).await;
    let cases = [
        ("gameIndex", vec![Value::Null, json!("7"), json!(7.5), json!([7])]),
        ("from", vec![Value::Null, json!("5001"), json!(5001.5), json!({})]),
        ("to", vec![Value::Null, json!(1.5), json!([ROOM]), json!(true)]),
        ("message", vec![Value::Null, json!(1), json!([]), json!("")]),
        ("extraData", vec![json!(1), json!({}), json!([])]),
        ("langCode", vec![Value::Null, json!(1), json!([])]),
    ];
    for (packet_type, to) in [("CHANNEL_CHAT", json!(ROOM)), ("DIRECT_CHAT", json!(5002))] {
        for (field, values) in &cases {
            for value in values {
                let mut body = chat_body(5001, to.clone(), "hi");
                body[*field] = value.clone();
                expect_400(&mut client, &json!({ "packetType": packet_type, "body": body })).await;
                if value.is_null() {
                    body.as_object_mut().expect("a body is an object").remove(*field);
                    expect_400(&mut client, &json!({ "packetType": packet_type, "body": body })).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_channel_is_addressed_by_text_and_a_player_by_number() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    for (packet_type, to) in [("CHANNEL_CHAT", json!(5002)), ("DIRECT_CHAT", json!("5002"))] {
        let body = chat_body(5001, to, "hi");
        expect_400(&mut client, &json!({ "packetType": packet_type, "body": body })).await;
    }
}
