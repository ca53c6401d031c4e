//! The packets, as bytes: a field is found by its name and copied, never parsed.
//!
//! Each frame has the length of Guildhall's for the same packet; the times in them stand still.

use bytes::Bytes;
use memchr::memmem;

use super::frames::{TEXT, frame};

const NOW: &[u8] = br#","timestamp":"2026-01-01T00:00:00.000Z","timestampMillis":1767225600000}}"#;

/// What the floor does with a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// CONNECT or RECONNECT.
    Connect {
        player: i64,
    },
    Chat {
        channel: &'a [u8],
    },
    Ping,
    Other,
}

pub(super) fn read(packet: &[u8]) -> Packet<'_> {
    let field = |name| value(packet, name);
    match field(br#""packetType":"#) {
        Some(br#""CONNECT""# | br#""RECONNECT""#) => match field(br#""playerId":"#).and_then(number) {
            Some(player) => Packet::Connect { player },
            None => Packet::Other,
        },
        Some(br#""CHANNEL_CHAT""#) => field(br#""to":"#).map_or(Packet::Other, |to| Packet::Chat { channel: text(to) }),
        Some(br#""PING""#) => Packet::Ping,
        _ => Packet::Other,
    }
}

/// NOTIFY_CHANNEL_CHAT of a CHANNEL_CHAT, for everybody in the channel.
pub(super) fn notify_chat(packet: &[u8]) -> Bytes {
    let field = |name| value(packet, name).unwrap_or_default();
    frame(
        TEXT,
        &[
            br#"{"packetType":"NOTIFY_CHANNEL_CHAT","body":{"gameIndex":"#,
            field(br#""gameIndex":"#),
            br#","from":"#,
            field(br#""from":"#),
            br#","to":"#,
            field(br#""to":"#),
            br#","message":"#,
            field(br#""message":"#),
            br#","extraData":"#,
            field(br#""extraData":"#),
            NOW,
        ],
    )
}

/// NOTIFY_ENTER_CHANNEL or NOTIFY_EXIT_CHANNEL.
pub(super) fn notify_member(is_enter: bool, game: &str, channel: &str, player: &str) -> Bytes {
    let kind = if is_enter { "ENTER" } else { "EXIT" };
    let head = format!(
        r#"{{"packetType":"NOTIFY_{kind}_CHANNEL","body":{{"gameIndex":{game},"channelId":"{channel}","playerId":{player}"#
    );
    frame(TEXT, &[head.as_bytes(), NOW])
}

/// The answer to a packet, with its correlation id.
pub(super) fn answer(packet: &[u8]) -> Option<Bytes> {
    let kind = text(value(packet, br#""packetType":"#)?);
    let correlation = value(packet, br#""correlationId":"#);
    let (head, tail): (&[u8], &[u8]) = match kind {
        b"PING" => (br#"{"packetType":"PONG""#, b"}"),
        b"CONNECT" => (
            br#"{"packetType":"RESPONSE_CONNECT""#,
            br#","status":200,"message":"OK","body":{"sessionId":"00000000000000000000000000000000"}}"#,
        ),
        b"RECONNECT" => (
            br#"{"packetType":"RESPONSE_RECONNECT""#,
            br#","status":200,"message":"OK","body":{"sessionId":"00000000000000000000000000000000","channelIds":[],"failChannelIds":[]}}"#,
        ),
        b"CHANNEL_CHAT" => (br#"{"packetType":"RESPONSE_CHANNEL_CHAT""#, br#","status":200,"message":"OK"}"#),
        _ => return None,
    };
    let (name, correlation): (&[u8], &[u8]) =
        correlation.map_or((b"", b""), |correlation| (br#","correlationId":"#, correlation));
    Some(frame(TEXT, &[head, name, correlation, tail]))
}

/// The value of the first field of this name, as it stands: quotes and escapes included.
fn value<'a>(packet: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = &packet[memmem::find(packet, name)? + name.len()..];
    if rest.first() != Some(&b'"') {
        let end = memchr::memchr2(b',', b'}', rest)?;
        return Some(&rest[..end]);
    }
    let mut end = 1;
    loop {
        end += memchr::memchr2(b'"', b'\\', rest.get(end..)?)?;
        if rest[end] == b'"' {
            return Some(&rest[..=end]);
        }
        end += 2;
    }
}

/// What is between the quotes.
fn text(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

fn number(value: &[u8]) -> Option<i64> {
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &[u8] = br#"{"packetType":"CHANNEL_CHAT","correlationId":"m1","body":{"gameIndex":7,"from":5002,"to":"open:1","message":"a \"b\" \\","extraData":"","langCode":"en"}}"#;

    #[test]
    fn a_chat_notification_is_as_long_as_the_contract_says() {
        let expected = r#"{"packetType":"NOTIFY_CHANNEL_CHAT","body":{"gameIndex":7,"from":5002,"to":"open:1","message":"a \"b\" \\","extraData":"","timestamp":"2026-01-01T00:00:00.000Z","timestampMillis":1767225600000}}"#;
        assert_eq!(notify_chat(CHAT), frame(TEXT, &[expected.as_bytes()]));
    }

    #[test]
    fn packets_are_told_apart_and_answered_with_their_correlation_id() {
        assert_eq!(read(CHAT), Packet::Chat { channel: b"open:1" });
        let response = br#"{"packetType":"RESPONSE_CHANNEL_CHAT","correlationId":"m1","status":200,"message":"OK"}"#;
        assert_eq!(answer(CHAT), Some(frame(TEXT, &[response])));
        let connect = br#"{"packetType":"CONNECT","body":{"gameIndex":7,"playerId":51,"loginKey":"x"}}"#;
        assert_eq!(read(connect), Packet::Connect { player: 51 });
        assert_eq!(read(br#"{"packetType":"PING"}"#), Packet::Ping);
        assert_eq!(answer(br#"{"packetType":"PING"}"#), Some(frame(TEXT, &[br#"{"packetType":"PONG"}"#])));
        assert_eq!((read(b"{}"), answer(b"{}")), (Packet::Other, None));
    }

    #[test]
    fn who_enters_is_told_so() {
        let expected = r#"{"packetType":"NOTIFY_ENTER_CHANNEL","body":{"gameIndex":1,"channelId":"lobby","playerId":5001,"timestamp":"2026-01-01T00:00:00.000Z","timestampMillis":1767225600000}}"#;
        assert_eq!(notify_member(true, "1", "lobby", "5001"), frame(TEXT, &[expected.as_bytes()]));
    }

    #[test]
    fn a_packet_that_is_cut_off_has_no_value() {
        assert_eq!(value(br#"{"to":"open\"#, br#""to":"#), None);
        assert_eq!(value(br#"{"to":12"#, br#""to":"#), None);
    }
}
