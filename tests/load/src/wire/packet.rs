//! The chat packets that players send, and what has to be known of those they get.

use memchr::memmem;

/// Makes the packets of one game's players.
#[derive(Clone, Debug)]
pub(crate) struct Packets {
    pub(crate) game_index: u32,
}

/// How a packet of the server begins when it answers a request.
const ANSWER: &[u8] = br#"{"packetType":"RESPONSE_"#;

impl Packets {
    /// `CONNECT`, or `RECONNECT` of a player who was there before.
    pub(crate) fn login(&self, again: bool, player: i64, login_key: &str) -> String {
        let (kind, game_index) = (if again { "RECONNECT" } else { "CONNECT" }, self.game_index);
        format!(
            r#"{{"packetType":"{kind}","body":{{"gameIndex":{game_index},"playerId":{player},"langCode":"en","loginKey":"{login_key}"}}}}"#
        )
    }

    /// What `player` says in a channel. `message` needs no escapes.
    pub(crate) fn say(&self, player: i64, channel: &str, message: &str) -> String {
        let game_index = self.game_index;
        format!(
            r#"{{"packetType":"CHANNEL_CHAT","body":{{"gameIndex":{game_index},"from":{player},"to":"{channel}","message":"{message}","extraData":"","langCode":"en"}}}}"#
        )
    }

    /// The sign of life without which a quiet socket is closed.
    pub(crate) fn ping(&self) -> &'static str {
        r#"{"packetType":"PING"}"#
    }
}

/// How one begins that nobody asked for.
const NOTIFICATION: &[u8] = br#"{"packetType":"NOTIFY_"#;

pub(crate) fn is_notification(packet: &[u8]) -> bool {
    packet.starts_with(NOTIFICATION)
}

/// The status of an answer; `None` for notifications and `PONG`.
pub(crate) fn status(packet: &[u8]) -> Option<u16> {
    const KEY: &[u8] = br#""status":"#;
    let answer = packet.strip_prefix(ANSWER)?;
    let digits = answer.get(memmem::find(answer, KEY)? + KEY.len()..)?;
    std::str::from_utf8(digits.get(..3)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn packets_are_json_of_the_contracts_shape() {
        let packets = Packets { game_index: 7 };
        let parse = |packet: &str| serde_json::from_str::<Value>(packet).expect("JSON");
        let connect = parse(&packets.login(false, 5001, "a.b.c"));
        assert_eq!((&connect["packetType"], &connect["body"]["loginKey"]), (&"CONNECT".into(), &"a.b.c".into()));
        assert_eq!(parse(&packets.login(true, 5001, "a.b.c"))["packetType"], "RECONNECT");
        let say = parse(&packets.say(5001, "lobby", "hi"));
        assert_eq!((&say["body"]["to"], &say["body"]["from"]), (&"lobby".into(), &5001.into()));
        assert_eq!(parse(packets.ping())["packetType"], "PING");
    }

    #[test]
    fn only_answers_have_a_status() {
        assert_eq!(status(br#"{"packetType":"RESPONSE_CONNECT","status":401,"message":"Unauthorized"}"#), Some(401));
        assert_eq!(status(br#"{"packetType":"NOTIFY_CHANNEL_CHAT","body":{"message":"\"status\":200"}}"#), None);
        assert_eq!(status(br#"{"packetType":"RESPONSE_CONNECT","status":"#), None);
    }
}
