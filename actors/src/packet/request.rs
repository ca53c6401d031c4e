//! Requests: client to server.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::{Epoch, Position};
use crate::ids::{ChannelId, PlayerId};

/// Longest `correlationId`, in bytes. Beyond: status 400. The contract states none, so this is ours.
const MAX_CORRELATION_ID_BYTES: usize = 128;

/// One packet of a client, as far as it can be read.
#[derive(Debug, PartialEq)]
pub struct Request {
    pub kind: Kind,
    /// Echoed in the answer.
    pub correlation_id: Option<String>,
    /// `Err` when the kind is known and the rest is not what the kind asks for: status 400.
    pub command: Result<Command, BadRequest>,
}

/// The packet types a client may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Reconnect,
    Ping,
    ChannelChat,
    DirectChat,
    Unknown(String),
}

/// What a well-formed request asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    Connect(Credentials),
    Reconnect(Credentials),
    Ping,
    ChannelChat(ChannelChat),
    DirectChat(DirectChat),
}

/// Body of CONNECT and RECONNECT.
#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    pub game_index: i64,
    pub player_id: PlayerId,
    pub lang_code: String,
    pub login_key: String,
    /// Local extension: names of the extensions the client wants. Without it every packet is the public contract's.
    #[serde(default)]
    extensions: Value,
    /// Local extension `sequence`, RECONNECT only: the last place the client saw, by channel.
    #[serde(default)]
    positions: Value,
}

/// Body of CHANNEL_CHAT.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelChat {
    pub game_index: i64,
    pub from: PlayerId,
    pub to: String,
    pub message: String,
    /// The socket contract requires it, the SDK does not send it: absent or null reads as empty.
    #[serde(default, deserialize_with = "empty_when_null")]
    pub extra_data: String,
    /// Required by the contract; translation would read it.
    #[allow(dead_code, reason = "required on the wire, not used by the server")]
    lang_code: String,
}

/// Body of DIRECT_CHAT.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectChat {
    pub game_index: i64,
    pub from: PlayerId,
    pub to: PlayerId,
    pub message: String,
    /// As in CHANNEL_CHAT.
    #[serde(default, deserialize_with = "empty_when_null")]
    pub extra_data: String,
    #[allow(dead_code, reason = "required on the wire, not used by the server")]
    lang_code: String,
}

#[derive(Deserialize)]
struct SeenPosition {
    epoch: String,
    sequence: u64,
}

/// Valid JSON of a known kind that lacks something the kind needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRequest;

/// Not JSON, not an object, or without a readable `packetType`: the socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPacket;

/// Raw parts, so that a wrong type in one of them does not hide the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    packet_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    correlation_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// Reads one text message.
///
/// # Errors
/// `NotAPacket` when there is nothing an answer could be addressed to.
pub fn parse(text: &str) -> Result<Request, NotAPacket> {
    // A struct also reads from an array; the contract says object.
    if !text.trim_start().starts_with('{') {
        return Err(NotAPacket);
    }
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| NotAPacket)?;
    let packet_type: String = read(envelope.packet_type).map_err(|_| NotAPacket)?;
    let kind = Kind::of(packet_type);
    let correlation_id = correlation_id(envelope.correlation_id);
    let command = correlation_id.as_ref().map_err(|bad| *bad).and_then(|_| command(&kind, envelope.body));
    Ok(Request { kind, correlation_id: correlation_id.unwrap_or(None), command })
}

fn command(kind: &Kind, body: Option<&RawValue>) -> Result<Command, BadRequest> {
    Ok(match kind {
        Kind::Connect => Command::Connect(read(body)?),
        Kind::Reconnect => Command::Reconnect(read(body)?),
        Kind::Ping => Command::Ping,
        Kind::ChannelChat => Command::ChannelChat(read(body)?),
        Kind::DirectChat => Command::DirectChat(read(body)?),
        Kind::Unknown(_) => return Err(BadRequest),
    })
}

fn correlation_id(raw: Option<&RawValue>) -> Result<Option<String>, BadRequest> {
    let Some(raw) = raw else { return Ok(None) };
    let text: String = read(Some(raw))?;
    if text.len() > MAX_CORRELATION_ID_BYTES { Err(BadRequest) } else { Ok(Some(text)) }
}

fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Result<T, BadRequest> {
    let raw = raw.ok_or(BadRequest)?.get();
    // Structs also read from arrays; a body is an object.
    if raw.starts_with('[') { Err(BadRequest) } else { serde_json::from_str(raw).map_err(|_| BadRequest) }
}

fn empty_when_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Kind {
    fn of(packet_type: String) -> Self {
        match packet_type.as_str() {
            "CONNECT" => Self::Connect,
            "RECONNECT" => Self::Reconnect,
            "PING" => Self::Ping,
            "CHANNEL_CHAT" => Self::ChannelChat,
            "DIRECT_CHAT" => Self::DirectChat,
            _ => Self::Unknown(packet_type),
        }
    }

    /// The `packetType` of the answer.
    pub fn response_type(&self) -> String {
        let name = match self {
            Self::Connect => "CONNECT",
            Self::Reconnect => "RECONNECT",
            Self::Ping => return "PONG".into(),
            Self::ChannelChat => "CHANNEL_CHAT",
            Self::DirectChat => "DIRECT_CHAT",
            Self::Unknown(name) => name,
        };
        format!("RESPONSE_{name}")
    }

    /// Whether a failed answer still carries `"body":{}`.
    pub const fn answers_with_body(&self) -> bool {
        matches!(self, Self::Connect | Self::Reconnect)
    }
}

/// Without the login key: it is as good as a password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { game_index, player_id, .. } = self;
        f.debug_struct("Credentials")
            .field("game_index", game_index)
            .field("player_id", player_id)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Whether the client asked for the extension `sequence`. To the public contract this is an unknown key, so what is
    /// not a list of names counts as not asked.
    pub fn wants_sequence(&self) -> bool {
        self.extensions.as_array().is_some_and(|names| names.iter().any(|name| name == "sequence"))
    }

    /// The last places the client says it saw, by the extension `sequence`; unreadable ones are as good as none.
    pub fn seen(&self) -> HashMap<ChannelId, Position> {
        let entry = |(id, seen): (&String, &Value)| {
            let SeenPosition { epoch, sequence } = SeenPosition::deserialize(seen).ok()?;
            Some((ChannelId::parse(id)?, Position { epoch: Epoch::parse(&epoch)?, sequence }))
        };
        let positions = self.positions.as_object().filter(|_| self.wants_sequence());
        positions.map(|positions| positions.iter().filter_map(entry).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_and_fault(text: &str) -> (Kind, bool) {
        let request = parse(text).expect("a packet");
        (request.kind, request.command.is_err())
    }

    #[test]
    fn what_has_no_packet_type_is_not_a_packet() {
        for bad in [
            "",
            " ",
            "x",
            "1",
            "null",
            "[]",
            r#"["PING"]"#,
            "{",
            r#"{}"#,
            r#"{"packetType":1}"#,
            r#"{"packetType":"PING"}x"#,
        ] {
            assert_eq!(parse(bad).err(), Some(NotAPacket), "{bad}");
        }
    }

    #[test]
    fn a_wrong_body_is_a_bad_request_that_can_be_answered() {
        for bad in [
            r#"{"packetType":"CONNECT"}"#,
            r#"{"packetType":"CONNECT","body":null}"#,
            r#"{"packetType":"CONNECT","body":[]}"#,
            r#"{"packetType":"CONNECT","body":{"gameIndex":"7"}}"#,
            r#"{"packetType":"CONNECT","body":[7,1,"en","key"]}"#,
            r#"{"packetType":"CONNECT","body":{"gameIndex":7,"playerId":1.5,"langCode":"en","loginKey":""}}"#,
        ] {
            assert_eq!(kind_and_fault(bad), (Kind::Connect, true), "{bad}");
        }
    }

    #[test]
    fn a_correlation_id_is_a_string_of_at_most_128_bytes() {
        let with = |id: &str| parse(&format!(r#"{{"packetType":"PING","correlationId":{id}}}"#)).expect("a packet");
        assert_eq!(with(r#""c1""#).correlation_id.as_deref(), Some("c1"));
        assert_eq!(with("null").correlation_id, None);
        assert!(with(&format!(r#""{}""#, "x".repeat(128))).command.is_ok());
        assert!(with(&format!(r#""{}""#, "x".repeat(129))).command.is_err());
        assert!(with("5").command.is_err());
    }

    #[test]
    fn extra_data_may_be_absent_or_null() {
        for extra in ["", r#","extraData":null"#, r#","extraData":"""#] {
            let text = format!(
                r#"{{"packetType":"CHANNEL_CHAT","body":{{"gameIndex":7,"from":1,"to":"c","message":"m","langCode":"en"{extra}}}}}"#
            );
            let Ok(Command::ChannelChat(chat)) = parse(&text).expect("a packet").command else { panic!("{text}") };
            assert_eq!(chat.extra_data, "");
        }
    }
}
