//! How packets travel: as they are, or wrapped by Socket.IO.
//!
//! Socket.IO puts two layers around a packet ("Engine.IO protocol", revision 4, and "Socket.IO protocol", revision 5): each
//! text begins with the type of the outer one (`0` open, `2` ping, `3` pong, `4` message), and a message with that of
//! the inner one (`0` connect, `2` event). An event is an array of a name and what belongs to it.

use std::borrow::Cow;

use clap::ValueEnum;

/// What a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// Guildhall's packets, one in each text
    #[default]
    Plain,
    /// The same packets as events of Socket.IO
    Socketio,
}

/// What a text of the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    Packet(&'a [u8]),
    /// Wants this answer.
    Answer(&'static str),
    /// From now on packets may be sent.
    Ready,
    Nothing,
}

const EVENT: &str = r#"42["packet","#;

impl Dialect {
    /// Where its sockets are.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Plain => "/v1/chat/socket",
            Self::Socketio => "/socket.io/?EIO=4&transport=websocket",
        }
    }

    /// Whether packets may be sent as soon as the socket is there, without a [`Text::Ready`].
    pub(crate) fn is_ready_at_once(self) -> bool {
        self == Self::Plain
    }

    /// A packet as a text.
    pub(crate) fn text(self, packet: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => packet.into(),
            Self::Socketio => format!("{EVENT}{packet}]").into(),
        }
    }

    pub(crate) fn read(self, text: &[u8]) -> Text<'_> {
        match (self, text) {
            (Self::Plain, _) => Text::Packet(text),
            (_, [b'0', ..]) => Text::Answer("40"),
            (_, [b'2', ..]) => Text::Answer("3"),
            (_, [b'4', b'0', ..]) => Text::Ready,
            _ => text
                .strip_prefix(EVENT.as_bytes())
                .and_then(|rest| rest.strip_suffix(b"]"))
                .map_or(Text::Nothing, Text::Packet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_of_socket_io_comes_out_as_it_went_in() {
        let text = Dialect::Socketio.text("{}");
        assert_eq!((&*text, Dialect::Socketio.read(text.as_bytes())), (r#"42["packet",{}]"#, Text::Packet(b"{}")));
        assert_eq!(Dialect::Plain.read(b"2"), Text::Packet(b"2"));
    }

    #[test]
    fn a_socket_of_socket_io_is_opened_connected_and_kept() {
        let texts: [&[u8]; 4] = [br#"0{"sid":"a"}"#, br#"40{"sid":"b"}"#, b"2", b"6"];
        let read = texts.map(|text| Dialect::Socketio.read(text));
        assert_eq!(read, [Text::Answer("40"), Text::Ready, Text::Answer("3"), Text::Nothing]);
    }
}
