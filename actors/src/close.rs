//! Why a socket is closed, and the close code that tells the client. One table, repeated in the README.

/// A reason the server closes a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The client asked to close, or an operator ended the connection in good order.
    Normal,
    /// The whole service ends.
    GoingAway,
    /// The WebSocket protocol was broken (RFC 6455, section 7.4.1).
    ProtocolError,
    /// A binary frame: the contract speaks text only.
    Binary,
    /// Not UTF-8, not JSON, or not a packet.
    NotJson,
    /// A frame or an assembled message over the limit.
    TooBig,
    /// Status 401 was answered.
    Unauthorized,
    /// Status 403 was answered.
    Forbidden,
    /// No request for the idle limit.
    Idle,
    /// No successful CONNECT within the connect limit.
    NoConnect,
    /// A PING came before CONNECT.
    PingBeforeConnect,
    /// Repeated flooding.
    Flood,
    /// The server failed while serving this socket; a reconnect is welcome.
    ServerError,
    /// The node drains: reconnect now, elsewhere.
    Drain,
    /// The same player logged in again: do not reconnect.
    SecondLogin,
    /// The client reads too slowly.
    Slow,
    /// The player was suspended.
    Suspended,
}

impl Close {
    /// The WebSocket close code.
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::Binary => 1003,
            Self::NotJson => 1007,
            Self::Unauthorized
            | Self::Forbidden
            | Self::Idle
            | Self::NoConnect
            | Self::PingBeforeConnect
            | Self::Flood => 1008,
            Self::TooBig => 1009,
            Self::ServerError => 1011,
            Self::Drain => 1012,
            Self::SecondLogin => 4000,
            Self::Slow => 4001,
            Self::Suspended => 4003,
        }
    }

    /// The text in the close frame: at most 123 bytes (RFC 6455, section 5.5).
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::GoingAway => "service ends",
            Self::ProtocolError => "protocol error",
            Self::Binary => "text frames only",
            Self::NotJson => "not a JSON packet",
            Self::TooBig => "message too big",
            Self::Unauthorized => "401 Unauthorized",
            Self::Forbidden => "403 Forbidden",
            Self::Idle => "408 Request Timeout",
            Self::NoConnect => "no CONNECT in time",
            Self::PingBeforeConnect => "PING before CONNECT",
            Self::Flood => "too many messages",
            Self::ServerError => "internal error",
            Self::Drain => "node drains, reconnect",
            Self::SecondLogin => "second login",
            Self::Slow => "reads too slowly",
            Self::Suspended => "suspended",
        }
    }

    /// The label of this reason in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::GoingAway => "going_away",
            Self::ProtocolError => "protocol_error",
            Self::Binary => "binary",
            Self::NotJson => "not_json",
            Self::TooBig => "too_big",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Idle => "idle",
            Self::NoConnect => "no_connect",
            Self::PingBeforeConnect => "ping_before_connect",
            Self::Flood => "flood",
            Self::ServerError => "server_error",
            Self::Drain => "drain",
            Self::SecondLogin => "second_login",
            Self::Slow => "slow",
            Self::Suspended => "suspended",
        }
    }
}
