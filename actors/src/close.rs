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
    /// Every reason.
    pub const ALL: [Self; 17] = [
        Self::Normal,
        Self::GoingAway,
        Self::ProtocolError,
        Self::Binary,
        Self::NotJson,
        Self::TooBig,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Idle,
        Self::NoConnect,
        Self::PingBeforeConnect,
        Self::Flood,
        Self::ServerError,
        Self::Drain,
        Self::SecondLogin,
        Self::Slow,
        Self::Suspended,
    ];

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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed_in_their_order() {
        // The last variant's place says how many there are.
        assert_eq!(Close::ALL.len(), Close::Suspended as usize + 1);
        assert!(Close::ALL.iter().enumerate().all(|(place, close)| *close as usize == place));
    }
}
