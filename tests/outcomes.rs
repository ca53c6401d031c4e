//! What becomes of a chat message ("Hive Chat WebSocket API", the outcome table), and what each limit answers.

use serde_json::{Value, json};

use crate::support::client::chat_body;
use crate::support::{Client, Node, ROOM, room, within};

/// Both chat packets, addressed to a channel and to a player that are there.
fn both_chats(from: i64, message: &str) -> [(&'static str, Value); 2] {
    [("CHANNEL_CHAT", chat_body(from, ROOM, message)), ("DIRECT_CHAT", chat_body(from, 5002, message))]
}

async fn expect_status(client: &mut Client, packet_type: &str, body: &Value, status: i64) {
    let response = client.request(packet_type, body.clone()).await;
    assert_eq!(response.status(), status, "{packet_type}: {}", response.text);
}

#[tokio::test]
async fn a_chat_before_connect_is_answered_401_and_closes() {
    let node = Node::start().await;
    for (packet_type, body) in both_chats(5001, "hi") {
        let mut client = Client::open(&node, 5001).await;
        let response = client.request(packet_type, body).await;
        assert_eq!((response.status(), response["message"].as_str()), (401, Some("Unauthorized")));
        assert_eq!(client.expect_close().await, (1008, "401 Unauthorized".to_owned()));
    }
}

#[tokio::test]
async fn a_chat_from_somebody_else_is_answered_403_and_closes() {
    let node = Node::start().await;
    let _others = room(&node, [5002]).await;
    for (packet_type, body) in both_chats(5002, "hi") {
        let mut client = Client::connect(&node, 5001).await;
        let response = client.request(packet_type, body).await;
        assert_eq!((response.status(), response["message"].as_str()), (403, Some("Forbidden")));
        assert_eq!(client.expect_close().await, (1008, "403 Forbidden".to_owned()));
    }
}

#[tokio::test]
async fn a_chat_in_another_game_is_answered_403_and_closes() {
    let node = Node::start().await;
    let _others = room(&node, [5002]).await;
    for (packet_type, mut body) in both_chats(5001, "hi") {
        let mut client = Client::connect(&node, 5001).await;
        body["gameIndex"] = json!(8);
        expect_status(&mut client, packet_type, &body, 403).await;
        assert_eq!(client.expect_close().await, (1008, "403 Forbidden".to_owned()));
    }
}

#[tokio::test]
async fn a_chat_in_an_unknown_channel_is_answered_400() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for channel in ["open:unknown", "", "not a channel id", &"x".repeat(101)] {
        assert_eq!(client.say(channel, "hi").await.status(), 400, "{channel:?}");
    }
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_chat_by_somebody_who_is_not_a_member_is_answered_400_and_reaches_nobody() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    let mut stranger = Client::connect(&node, 5002).await;
    assert_eq!(stranger.say(ROOM, "let me in").await.status(), 400);
    assert_eq!(member.say(ROOM, "first").await.status(), 200);
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), "first");
}

#[tokio::test]
async fn a_former_member_is_answered_400() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    node.api().exit(ROOM, 5001).await;
    client.expect("NOTIFY_EXIT_CHANNEL").await;
    assert_eq!(client.say(ROOM, "still here?").await.status(), 400);
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_chat_in_a_deleted_channel_is_answered_400() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    node.api().delete_channel(ROOM).await;
    client.expect("NOTIFY_DELETE_CHANNEL").await;
    assert_eq!(client.say(ROOM, "still here?").await.status(), 400);
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_channel_of_another_game_is_unknown() {
    let node = Node::start().await;
    node.other_api().create_channel(ROOM, "PUBLIC").await;
    let mut client = Client::connect(&node, 5001).await;
    assert_eq!(client.say(ROOM, "hi").await.status(), 400);
}

#[tokio::test]
async fn a_message_of_200_code_points_passes_whatever_its_bytes() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    for text in ["a".repeat(200), "🏰".repeat(200), "👩\u{200d}👧".repeat(66)] {
        for (packet_type, body) in both_chats(5001, &text) {
            expect_status(&mut sender, packet_type, &body, 200).await;
            assert_eq!(member.next_packet().await.message(), text);
        }
    }
}

#[tokio::test]
async fn a_message_of_201_code_points_is_answered_400() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    for text in ["a".repeat(201), "é".repeat(201), "🏰".repeat(201)] {
        for (packet_type, body) in both_chats(5001, &text) {
            expect_status(&mut sender, packet_type, &body, 400).await;
        }
    }
    sender.expect_no_packet().await;
    node.api().notice(ROOM, "after").await;
    assert_eq!(member.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "after");
}

#[tokio::test]
async fn extra_data_of_256_bytes_passes() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    for text in ["a".repeat(256), "é".repeat(128)] {
        for (packet_type, mut body) in both_chats(5001, "hi") {
            body["extraData"] = json!(text);
            expect_status(&mut sender, packet_type, &body, 200).await;
            assert_eq!(member.next_packet().await.body()["extraData"], text);
        }
    }
}

#[tokio::test]
async fn extra_data_of_257_bytes_is_answered_400() {
    let node = Node::start().await;
    let [mut sender, _member] = room(&node, [5001, 5002]).await;
    for text in ["a".repeat(257), "a".to_owned() + &"é".repeat(128)] {
        for (packet_type, mut body) in both_chats(5001, "hi") {
            body["extraData"] = json!(text);
            expect_status(&mut sender, packet_type, &body, 400).await;
        }
    }
    sender.expect_no_packet().await;
}

#[tokio::test]
async fn the_limits_of_a_message_are_settings() {
    let node = Node::builder().set("limits.message_chars", 2).set("limits.extra_data_bytes", 3).start().await;
    let [mut sender, _member] = room(&node, [5001, 5002]).await;
    for (packet_type, mut body) in both_chats(5001, "ok") {
        body["extraData"] = json!("abc");
        expect_status(&mut sender, packet_type, &body, 200).await;
        body["extraData"] = json!("abcd");
        expect_status(&mut sender, packet_type, &body, 400).await;
        body["extraData"] = json!("");
        body["message"] = json!("too");
        expect_status(&mut sender, packet_type, &body, 400).await;
    }
}

#[tokio::test]
async fn a_flood_is_answered_400_and_what_was_refused_reaches_nobody() {
    let node = Node::builder().set("limits.chat_per_sec", 1).set("limits.chat_burst", 3).start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    let mut accepted = Vec::new();
    for number in 0..6 {
        let text = format!("message {number}");
        let response = sender.say(ROOM, &text).await;
        match response.status() {
            200 => accepted.push(text),
            _ => assert_eq!((response.status(), &response["message"]), (400, &json!("Too many messages"))),
        }
    }
    assert!((3..6).contains(&accepted.len()), "a burst of 3 passes, a flood does not: {accepted:?}");
    for text in accepted {
        assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), text);
    }
    node.api().notice(ROOM, "after").await;
    member.expect("NOTIFY_CHANNEL_NOTICE").await;
}

#[tokio::test]
async fn direct_and_channel_chats_share_the_flood_limit() {
    let node = Node::builder().set("limits.chat_per_sec", 1).set("limits.chat_burst", 2).start().await;
    let [mut sender, _member] = room(&node, [5001, 5002]).await;
    let mut refused = 0;
    for _ in 0..2 {
        for (packet_type, body) in both_chats(5001, "hi") {
            refused += usize::from(sender.request(packet_type, body).await.status() == 400);
        }
    }
    assert!(refused > 0, "4 messages in a moment are over a burst of 2");
}

#[tokio::test]
async fn the_flood_limit_is_per_connection() {
    let node = Node::builder().set("limits.chat_per_sec", 1).set("limits.chat_burst", 2).start().await;
    for mut client in room(&node, [5001, 5002, 5003]).await {
        for _ in 0..2 {
            assert_eq!(client.say(ROOM, "hi").await.status(), 200);
        }
    }
}

#[tokio::test]
async fn repeated_flooding_closes() {
    let node = Node::builder().set("limits.chat_per_sec", 1).set("limits.chat_burst", 1).start().await;
    let [mut sender] = room(&node, [5001]).await;
    let packet = json!({ "packetType": "CHANNEL_CHAT", "body": chat_body(5001, ROOM, "spam") });
    // How often is too often is the server's to choose; the wait is bounded.
    let close = within("the close of a flooding client", async {
        loop {
            sender.try_send(&packet).await; // in vain once a load balancer has passed the close on
            if let Err(close) = sender.next_or_close().await {
                return close;
            }
        }
    });
    assert_eq!(close.await, (1008, "too many messages".to_owned()));
}
