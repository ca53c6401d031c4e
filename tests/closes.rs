//! Why the server closes a socket, and how it says so (design, section 9; `actors/src/close.rs`).
//! Second login, 401, 403 and drain have their rows in `login`, `outcomes` and `restart`; 1002 in `websocket`.

use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::support::deployment::embedded_only;
use crate::support::raw::{CONTINUATION, TEXT};
use crate::support::{Client, Frame, Node, ROOM, RawSocket, eventually, room};

/// The default of the largest frame and message.
const LIMIT: usize = 8 * 1024;

fn close(code: u16, reason: &str) -> (u16, String) {
    (code, reason.to_owned())
}

/// A PING packet of exactly so many bytes.
fn ping_of(bytes: usize) -> String {
    let padded = |padding: &str| format!(r#"{{"packetType":"PING","padding":"{padding}"}}"#);
    padded(&"x".repeat(bytes - padded("").len()))
}

async fn node_with(setting: &str, value: u64) -> Node {
    Node::builder().set(setting, value).start().await
}

#[tokio::test]
async fn text_that_is_no_json_object_closes_1007() {
    let node = Node::start().await;
    for text in ["", "hello", "{", r#"{"packetType":"PING"} x"#, "{'packetType':'PING'}", "[]", "1", "null", "\"PING\""]
    {
        let mut client = Client::connect(&node, 5001).await;
        client.send_text(text).await;
        assert_eq!(client.expect_close().await, close(1007, "not a JSON packet"), "{text}");
    }
}

#[tokio::test]
async fn json_with_comments_closes_1007() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text("{\"packetType\":\"PING\" // as the samples show\n}").await;
    assert_eq!(client.expect_close().await, close(1007, "not a JSON packet"));
}

#[tokio::test]
async fn a_packet_without_a_textual_type_closes_1007() {
    let node = Node::start().await;
    for packet in
        [json!({}), json!({ "packetType": 1 }), json!({ "packetType": null }), json!({ "packetType": ["PING"] })]
    {
        let mut client = Client::connect(&node, 5001).await;
        client.send(&packet).await;
        assert_eq!(client.expect_close().await, close(1007, "not a JSON packet"), "{packet}");
    }
}

#[tokio::test]
async fn malformed_text_before_connect_closes_1007() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    client.send_text("hello").await;
    assert_eq!(client.expect_close().await, close(1007, "not a JSON packet"));
}

#[tokio::test]
async fn deep_nesting_does_not_hurt_the_server() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text(format!(r#"{{"packetType":"PING","x":{}"#, "[".repeat(LIMIT / 2))).await;
    assert_eq!(client.expect_close().await, close(1007, "not a JSON packet"));
    Client::connect(&node, 5001).await.expect_no_packet().await;
}

#[tokio::test]
async fn a_binary_message_closes_1003() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_message(Message::Binary(Bytes::from_static(br#"{"packetType":"PING"}"#))).await;
    assert_eq!(client.expect_close().await, close(1003, "text frames only"));
}

#[tokio::test]
async fn a_ping_before_connect_closes_1008() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    client.send_text(r#"{"packetType":"PING"}"#).await;
    assert_eq!(client.expect_close().await, close(1008, "PING before CONNECT"));
}

#[tokio::test]
async fn a_silent_client_closes_1008_with_the_text_of_408() {
    let node = node_with("limits.idle_sec", 1).await;
    let mut client = Client::connect(&node, 5001).await;
    assert_eq!(client.expect_close().await, close(1008, "408 Request Timeout"));
}

#[tokio::test]
async fn websocket_pings_do_not_keep_a_silent_client() {
    let node = node_with("limits.idle_sec", 1).await;
    let mut client = Client::connect(&node, 5001).await;
    let ended = loop {
        client.send_message(Message::Ping(Bytes::new())).await;
        match client.read().await {
            Some(Message::Pong(_)) => {}
            other => break other,
        }
    };
    let Some(Message::Close(Some(frame))) = ended else { panic!("expected a close, got {ended:?}") };
    assert_eq!((frame.code.into(), frame.reason.to_string()), close(1008, "408 Request Timeout"));
}

#[tokio::test]
async fn what_a_client_receives_does_not_keep_it() {
    let node = Node::builder().set("limits.idle_sec", 1).set("limits.chat_burst", 1_000_000).start().await;
    let [mut listener, mut speaker] = room(&node, [5001, 5002]).await;
    let speak = async {
        // Until the listener's end is announced.
        while !speaker_saw_exit(&mut speaker).await {}
    };
    let listen = async { listener.skip_to_close().await };
    let ((), closed) = tokio::join!(speak, listen);
    assert_eq!(closed, close(1008, "408 Request Timeout"));
}

/// Says one thing, and whether the packets that came with its answer hold an EXIT.
async fn speaker_saw_exit(speaker: &mut Client) -> bool {
    assert_eq!(speaker.say(ROOM, "are you there?").await.status(), 200);
    speaker.next_packet().await.packet_type() == "NOTIFY_EXIT_CHANNEL"
}

#[tokio::test]
async fn pings_keep_a_client() {
    let node = node_with("limits.idle_sec", 1).await;
    let mut kept = Client::connect(&node, 5001).await;
    // One who connected later and says nothing shows that the time is up.
    let mut silent = Client::connect(&node, 5002).await;
    tokio::select! {
        closed = silent.expect_close() => assert_eq!(closed.0, 1008),
        () = async { loop { kept.expect_no_packet().await } } => {}
    }
    // The request that was under way may still be answered.
    kept.send_text(r#"{"packetType":"PING","correlationId":"last"}"#).await;
    while kept.expect("PONG").await["correlationId"] != "last" {}
}

#[tokio::test]
async fn a_socket_without_connect_closes_1008() {
    let node = node_with("limits.connect_sec", 1).await;
    let mut client = Client::open(&node, 5001).await;
    assert_eq!(client.expect_close().await, close(1008, "no CONNECT in time"));
}

#[tokio::test]
async fn a_refused_connect_does_not_stop_the_clock() {
    let node = node_with("limits.connect_sec", 1).await;
    let mut client = Client::open(&node, 5001).await;
    assert_eq!(client.request("CONNECT", json!({})).await.status(), 400);
    assert_eq!(client.expect_close().await, close(1008, "no CONNECT in time"));
}

#[tokio::test]
async fn a_successful_connect_stops_the_clock() {
    let node = node_with("limits.connect_sec", 1).await;
    let mut client = Client::connect(&node, 5001).await;
    let mut later = Client::open(&node, 5002).await;
    later.expect_close().await;
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_message_of_the_limit_passes() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text(ping_of(LIMIT)).await;
    client.expect("PONG").await;
}

#[tokio::test]
async fn a_message_over_the_limit_closes_1009() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    client.send_text(ping_of(LIMIT + 1)).await;
    assert_eq!(client.expect_close().await, close(1009, "message too big"));
}

#[tokio::test]
async fn a_frame_that_announces_8_gib_closes_at_once() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    socket.send_bytes(&Frame::new(TEXT, []).header(8 << 30)).await;
    socket.expect_close(1009).await;
}

#[tokio::test]
async fn fragments_that_pass_the_limit_together_close_1009() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    socket.send(&Frame::new(TEXT, vec![b' '; LIMIT / 2]).unfinished()).await;
    socket.send(&Frame::new(CONTINUATION, vec![b' '; LIMIT / 2]).unfinished()).await;
    socket.send(&Frame::new(CONTINUATION, *b"x").unfinished()).await;
    socket.expect_close(1009).await;
}

#[tokio::test]
async fn an_operator_closes_a_socket_in_good_order() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    let path = "/admin/v1/games/demo/players/5001/disconnect";
    let (status, answer) = node.admin(Method::POST, path, Some(json!({}))).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    assert_eq!(client.expect_close().await, close(1000, ""));
}

#[tokio::test]
async fn a_suspension_closes_the_live_socket_4003() {
    let node = Node::start().await;
    let [mut member, mut suspended] = room(&node, [5002, 5001]).await;
    let path = "/admin/v1/games/demo/players/5001/suspension";
    let (status, answer) = node.admin(Method::PUT, path, Some(json!({ "reason": "cheating" }))).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    assert_eq!(suspended.expect_close().await, close(4003, "suspended"));
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
}

/// A node with a small outbox and a generous flood limit, a player who fills it and one who reads nothing.
async fn slow_reader() -> (Node, Client, RawSocket) {
    let node = Node::builder()
        .set("limits.outbox_bytes", 16 * 1024)
        .set("limits.chat_burst", 1_000_000)
        .set("limits.chat_per_sec", 100_000)
        .start()
        .await;
    let [mut speaker] = room(&node, [5002]).await;
    let slow = RawSocket::open_narrow(&node).await.logged_in(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    speaker.expect("NOTIFY_ENTER_CHANNEL").await;
    let long = "🏰".repeat(200);
    loop {
        assert_eq!(speaker.say(ROOM, &long).await.status(), 200);
        if speaker.next_packet().await.packet_type() == "NOTIFY_EXIT_CHANNEL" {
            return (node, speaker, slow);
        }
    }
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_closes_4001_once_it_reads() {
    let (_node, _speaker, mut slow) = slow_reader().await;
    let close = loop {
        let frame = slow.read_frame().await;
        if frame.opcode != TEXT {
            break frame;
        }
    };
    assert_eq!(close.close_reason(), (4001, "reads too slowly".to_owned()));
}

#[tokio::test]
async fn a_client_that_never_reads_is_gone_soon() {
    embedded_only!("a load balancer holds the client's end of the connection for a time of its own");
    let (_node, _speaker, mut slow) = slow_reader().await;
    let ping = Frame::new(TEXT, *br#"{"packetType":"PING"}"#).encode();
    let gone = async || (!slow.takes_bytes(&ping).await).then_some(());
    eventually("the server drops the connection", gone).await;
}

#[tokio::test]
async fn a_slow_client_does_not_delay_the_others() {
    let (node, mut speaker, _slow) = slow_reader().await;
    let mut third = Client::connect(&node, 5003).await;
    node.api().enter(ROOM, 5003).await;
    third.expect("NOTIFY_ENTER_CHANNEL").await;
    speaker.say(ROOM, "on we go").await;
    assert_eq!(third.expect("NOTIFY_CHANNEL_CHAT").await.message(), "on we go");
}
