//! RFC 6455 on the wire, past what a well-behaved library would send.

use crate::support::client::chat_body;
use crate::support::raw::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};
use crate::support::{Client, Frame, Node, ROOM, RawSocket, room};
use serde_json::json;

const PING_PACKET: &str = r#"{"packetType":"PING"}"#;

/// Bytes that are not UTF-8, among them surrogates, overlong forms and a cut character.
const NOT_UTF8: [&[u8]; 5] =
    [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"{\"packetType\":\"\xf0\x9f\x8f"];

/// A fresh connected socket sends the frames and must be closed with the code.
async fn expect_close_after(node: &Node, frames: &[Frame], code: u16) {
    let mut socket = RawSocket::connect(node, 5001).await;
    let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
    socket.send_bytes(&bytes).await;
    socket.expect_close(code).await;
}

/// A whole text message in pieces.
fn fragments(pieces: &[&[u8]]) -> Vec<Frame> {
    let last = pieces.len() - 1;
    let frame = |(index, piece): (usize, &&[u8])| {
        let frame = Frame::new(if index == 0 { TEXT } else { CONTINUATION }, *piece);
        if index == last { frame } else { frame.unfinished() }
    };
    pieces.iter().enumerate().map(frame).collect()
}

#[tokio::test]
async fn a_message_may_come_in_fragments() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    let bytes: Vec<&[u8]> = PING_PACKET.as_bytes().chunks(1).collect();
    for frame in fragments(&bytes) {
        socket.send(&frame).await;
    }
    socket.expect_packet("PONG").await;
}

#[tokio::test]
async fn fragments_may_be_empty() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    for frame in fragments(&[b"", PING_PACKET.as_bytes(), b"", b""]) {
        socket.send(&frame).await;
    }
    socket.expect_packet("PONG").await;
}

#[tokio::test]
async fn control_frames_may_come_between_fragments() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    let (first, second) = PING_PACKET.as_bytes().split_at(9);
    let [first, second] = fragments(&[first, second]).try_into().expect("two fragments");
    socket.send(&first).await;
    socket.send(&Frame::new(PING, *b"between")).await;
    assert_eq!(socket.read_frame().await, Frame::new(PONG, *b"between").unmasked(), "at once");
    socket.send(&Frame::new(PONG, *b"unasked")).await;
    socket.send(&second).await;
    socket.expect_packet("PONG").await;
}

#[tokio::test]
async fn bytes_may_arrive_one_by_one() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    for byte in Frame::new(TEXT, PING_PACKET).encode() {
        socket.send_bytes(&[byte]).await;
    }
    socket.expect_packet("PONG").await;
}

#[tokio::test]
async fn many_frames_may_arrive_at_once() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    let one = Frame::new(TEXT, PING_PACKET).encode();
    socket.send_bytes(&one.repeat(50)).await;
    for _ in 0..50 {
        socket.expect_packet("PONG").await;
    }
}

#[tokio::test]
async fn a_character_may_be_split_between_fragments() {
    let node = Node::start().await;
    let [_mine, mut member] = room(&node, [5001, 5002]).await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    member.expect("NOTIFY_EXIT_CHANNEL").await;
    let text = json!({ "packetType": "DIRECT_CHAT", "body": chat_body(5001, 5002, "🏰") }).to_string();
    let castle = text.find('🏰').expect("the castle is in the text");
    let (first, second) = text.as_bytes().split_at(castle + 2);
    for frame in fragments(&[first, second]) {
        socket.send(&frame).await;
    }
    assert_eq!(socket.expect_packet("RESPONSE_DIRECT_CHAT").await.status(), 200);
    assert_eq!(member.expect("NOTIFY_DIRECT_CHAT").await.message(), "🏰");
}

#[tokio::test]
async fn a_ping_frame_is_answered_with_its_payload() {
    let node = Node::start().await;
    let mut socket = RawSocket::open(&node).await;
    for payload in [vec![], b"hello".to_vec(), vec![0xff; 125]] {
        socket.send(&Frame::new(PING, payload.clone())).await;
        assert_eq!(socket.read_frame().await, Frame::new(PONG, payload).unmasked());
    }
}

#[tokio::test]
async fn a_pong_frame_nobody_asked_for_is_ignored() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    socket.send(&Frame::new(PONG, *b"unasked")).await;
    socket.send(&Frame::new(TEXT, PING_PACKET)).await;
    socket.expect_packet("PONG").await;
}

#[tokio::test]
async fn a_close_is_echoed_with_its_code_and_the_connection_ends() {
    let node = Node::start().await;
    for code in [1000_u16, 1001, 1011, 3000, 4999] {
        let mut socket = RawSocket::connect(&node, 5001).await;
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        socket.send(&Frame::new(CLOSE, payload)).await;
        let echo = socket.read_frame().await;
        assert_eq!(echo.close_reason().0, code);
        socket.expect_end().await;
    }
}

#[tokio::test]
async fn a_close_without_a_code_is_answered_by_a_close() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    socket.send(&Frame::new(CLOSE, [])).await;
    let echo = socket.read_frame().await;
    assert_eq!(echo.opcode, CLOSE);
    assert!(echo.payload.is_empty() || echo.close_reason().0 == 1000, "{echo:?}");
    socket.expect_end().await;
}

#[tokio::test]
async fn a_close_is_the_end_of_the_player_for_the_others() {
    let node = Node::start().await;
    let [mut member, leaving] = room(&node, [5002, 5001]).await;
    leaving.close().await;
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
}

#[tokio::test]
async fn nothing_after_a_close_is_served() {
    let node = Node::start().await;
    let mut partner = Client::connect(&node, 5002).await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    let chat = json!({ "packetType": "DIRECT_CHAT", "body": chat_body(5001, 5002, "late") }).to_string();
    let close = Frame::new(CLOSE, 1000_u16.to_be_bytes());
    socket.send_bytes(&[close.encode(), Frame::new(TEXT, chat).encode()].concat()).await;
    assert_eq!(socket.read_frame().await.close_reason().0, 1000);
    socket.expect_end().await;
    partner.expect_no_packet().await;
}

#[tokio::test]
async fn an_invalid_close_code_closes_1002() {
    let node = Node::start().await;
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        expect_close_after(&node, &[Frame::new(CLOSE, code.to_be_bytes())], 1002).await;
    }
    expect_close_after(&node, &[Frame::new(CLOSE, *b"\x03")], 1002).await;
}

#[tokio::test]
async fn an_unmasked_frame_closes_1002() {
    let node = Node::start().await;
    expect_close_after(&node, &[Frame::new(TEXT, PING_PACKET).unmasked()], 1002).await;
}

#[tokio::test]
async fn a_reserved_bit_closes_1002() {
    let node = Node::start().await;
    for rsv in [0b100, 0b010, 0b001] {
        expect_close_after(&node, &[Frame::new(TEXT, PING_PACKET).rsv(rsv)], 1002).await;
    }
}

#[tokio::test]
async fn a_reserved_opcode_closes_1002() {
    let node = Node::start().await;
    for opcode in [0x3, 0x7, 0xB, 0xF] {
        expect_close_after(&node, &[Frame::new(opcode, [])], 1002).await;
    }
}

#[tokio::test]
async fn a_fragmented_control_frame_closes_1002() {
    let node = Node::start().await;
    for opcode in [PING, PONG, CLOSE] {
        expect_close_after(&node, &[Frame::new(opcode, []).unfinished()], 1002).await;
    }
}

#[tokio::test]
async fn a_control_frame_over_125_bytes_closes_1002() {
    let node = Node::start().await;
    for opcode in [PING, PONG] {
        expect_close_after(&node, &[Frame::new(opcode, [b'x'; 126])], 1002).await;
    }
}

#[tokio::test]
async fn a_continuation_of_nothing_closes_1002() {
    let node = Node::start().await;
    expect_close_after(&node, &[Frame::new(CONTINUATION, PING_PACKET)], 1002).await;
}

#[tokio::test]
async fn a_message_inside_an_unfinished_one_closes_1002() {
    let node = Node::start().await;
    let unfinished = Frame::new(TEXT, *b"{").unfinished();
    expect_close_after(&node, &[unfinished, Frame::new(TEXT, PING_PACKET)], 1002).await;
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_1007() {
    let node = Node::start().await;
    for bytes in NOT_UTF8 {
        expect_close_after(&node, &[Frame::new(TEXT, bytes)], 1007).await;
    }
}

#[tokio::test]
async fn text_that_is_not_utf8_over_fragments_closes_1007() {
    let node = Node::start().await;
    expect_close_after(&node, &fragments(&[b"{\"x\":\"\xf0\x9f", b"\x8f\"}"]), 1007).await;
    expect_close_after(&node, &fragments(&[b"{\"x\":\"\xff", b"\"}"]), 1007).await;
}

#[tokio::test]
async fn a_close_reason_that_is_not_utf8_closes_1007() {
    let node = Node::start().await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    socket.send(&Frame::new(CLOSE, *b"\x03\xe8\xff")).await;
    // RFC 6455, section 8.1, asks to fail the connection: 1007 by its own words, 1002 by the habit of many.
    let (code, _) = socket.read_frame().await.close_reason();
    assert!([1002, 1007].contains(&code), "{code}");
}

#[tokio::test]
async fn a_fragmented_binary_message_closes_1003() {
    let node = Node::start().await;
    expect_close_after(&node, &[Frame::new(BINARY, *b"{").unfinished(), Frame::new(CONTINUATION, *b"}")], 1003).await;
}

#[tokio::test]
async fn a_connection_lost_within_a_frame_is_a_lost_socket() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5002]).await;
    let mut socket = RawSocket::connect(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    member.expect("NOTIFY_ENTER_CHANNEL").await;
    socket.send_bytes(&Frame::new(TEXT, PING_PACKET).encode()[..10]).await;
    drop(socket);
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
}
