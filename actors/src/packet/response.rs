//! Responses: server to client, one per request.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Kind;

/// Outcome of a request ("Hive Chat WebSocket API, status codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    BadRequest,
    /// 400 of our own: the chat flood limit.
    TooManyMessages,
    Unauthorized,
    Forbidden,
    Conflict,
    InternalServerError,
}

impl Status {
    pub const fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::BadRequest | Self::TooManyMessages => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::Conflict => 409,
            Self::InternalServerError => 500,
        }
    }

    pub const fn message(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::BadRequest => "Bad Request",
            Self::TooManyMessages => "Too many messages",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::Conflict => "Conflict",
            Self::InternalServerError => "Internal Server Error",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    packet_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    status: u16,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pong<'a> {
    packet_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

/// The answer to a request. Kinds whose answer has a body get an empty one when none is given.
pub fn response(kind: &Kind, correlation_id: Option<&str>, status: Status, body: Option<Value>) -> String {
    let empty = || kind.answers_with_body().then(|| Value::Object(Map::new()));
    encode(&Response {
        packet_type: kind.response_type(),
        correlation_id,
        status: status.code(),
        message: status.message(),
        body: body.or_else(empty),
    })
}

/// The answer to PING.
pub fn pong(correlation_id: Option<&str>) -> String {
    encode(&Pong { packet_type: "PONG", correlation_id })
}

pub(super) fn encode(packet: &impl Serialize) -> String {
    serde_json::to_string(packet).expect("strings, numbers and maps with string keys always encode")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_follow_the_contract() {
        let ok = response(&Kind::ChannelChat, Some("m1"), Status::Ok, None);
        assert_eq!(ok, r#"{"packetType":"RESPONSE_CHANNEL_CHAT","correlationId":"m1","status":200,"message":"OK"}"#);
        let refused = response(&Kind::Connect, None, Status::Unauthorized, None);
        assert_eq!(refused, r#"{"packetType":"RESPONSE_CONNECT","status":401,"message":"Unauthorized","body":{}}"#);
        assert_eq!(pong(None), r#"{"packetType":"PONG"}"#);
    }
}
