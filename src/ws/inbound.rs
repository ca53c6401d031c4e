//! From bytes to messages: RFC 6455 as a pure machine.
//!
//! The library's decoder checks masks, opcodes and reserved bits. It would buffer a frame of any announced length,
//! leaves fragments to be joined, and does not look at UTF-8 in text; that is done here, as early as it can be known.

use actix_codec::Decoder;
use actix_http::ws::{CloseReason, Codec, Frame, Item, ProtocolError};
use bytes::{Buf, Bytes, BytesMut};
use guildhall_actors::close::Close;

/// Reads one socket's frames.
pub(super) struct Inbound {
    codec: Codec,
    buffer: BytesMut,
    max_bytes: usize,
    /// Boxed: hardly a client sends any.
    fragments: Option<Box<Fragments>>,
}

/// A message being put together.
struct Fragments {
    is_text: bool,
    payload: BytesMut,
    /// Bytes of the payload already known to be UTF-8.
    checked: usize,
}

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Message {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    Pong,
    Close(Option<CloseReason>),
}

impl Inbound {
    /// Messages over `max_bytes`, whole or assembled, are refused before they are buffered.
    pub(super) fn new(max_bytes: usize, early: BytesMut) -> Self {
        Self { codec: Codec::new().max_size(max_bytes), buffer: early, max_bytes, fragments: None }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, `None` when more bytes are needed.
    ///
    /// # Errors
    /// Why the socket must be closed. Nothing further can be read then.
    pub(super) fn next(&mut self) -> Result<Option<Message>, Close> {
        loop {
            self.check_header()?;
            let Some(frame) = self.codec.decode(&mut self.buffer).map_err(|error| violation(&error))? else {
                self.release();
                return Ok(None);
            };
            if let Some(message) = self.on_frame(frame)? {
                return Ok(Some(message));
            }
        }
    }

    /// Refuses from the header alone what the decoder would wait for, or log.
    fn check_header(&self) -> Result<(), Close> {
        let Some(header) = Header::peek(&self.buffer) else { return Ok(()) };
        if header.is_control {
            return if header.is_final && header.length <= 125 { Ok(()) } else { Err(Close::ProtocolError) };
        }
        let assembled = self.fragments.as_ref().map_or(0, |fragments| fragments.payload.len() as u64);
        if header.length.saturating_add(assembled) > self.max_bytes as u64 { Err(Close::TooBig) } else { Ok(()) }
    }

    fn on_frame(&mut self, frame: Frame) -> Result<Option<Message>, Close> {
        Ok(Some(match frame {
            Frame::Text(payload) => Message::Text(text(&payload)?),
            Frame::Binary(payload) => Message::Binary(payload),
            Frame::Ping(payload) => Message::Ping(payload),
            Frame::Pong(_) => Message::Pong,
            Frame::Close(reason) => Message::Close(reason),
            Frame::Continuation(item) => return self.on_fragment(item),
        }))
    }

    fn on_fragment(&mut self, item: Item) -> Result<Option<Message>, Close> {
        let (payload, is_last) = match item {
            Item::FirstText(payload) => {
                self.fragments = Some(Box::new(Fragments::new(true)));
                (payload, false)
            }
            Item::FirstBinary(payload) => {
                self.fragments = Some(Box::new(Fragments::new(false)));
                (payload, false)
            }
            Item::Continue(payload) => (payload, false),
            Item::Last(payload) => (payload, true),
        };
        let fragments = self.fragments.as_mut().ok_or(Close::ProtocolError)?;
        fragments.add(&payload)?;
        if !is_last {
            return Ok(None);
        }
        let Fragments { is_text, payload, .. } = *self.fragments.take().ok_or(Close::ProtocolError)?;
        Ok(Some(if is_text { Message::Text(text(&payload)?) } else { Message::Binary(payload.freeze()) }))
    }

    /// An idle connection holds no buffer.
    fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

impl Fragments {
    fn new(is_text: bool) -> Self {
        Self { is_text, payload: BytesMut::new(), checked: 0 }
    }

    /// Text is checked as it comes; a character may be split over two fragments.
    fn add(&mut self, payload: &[u8]) -> Result<(), Close> {
        self.payload.extend_from_slice(payload);
        if self.is_text {
            match std::str::from_utf8(&self.payload[self.checked..]) {
                Ok(_) => self.checked = self.payload.len(),
                Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
                Err(_) => return Err(Close::NotJson),
            }
        }
        Ok(())
    }
}

/// The part of a frame's header that limits need (RFC 6455, section 5.2).
struct Header {
    is_final: bool,
    is_control: bool,
    length: u64,
}

impl Header {
    /// `None` until enough of it is there.
    fn peek(mut bytes: &[u8]) -> Option<Self> {
        let (first, second) = (bytes.try_get_u8().ok()?, bytes.try_get_u8().ok()?);
        let length = match second & 0x7f {
            126 => u64::from(bytes.try_get_u16().ok()?),
            127 => bytes.try_get_u64().ok()?,
            short => u64::from(short),
        };
        Some(Self { is_final: first & 0x80 != 0, is_control: first & 0x08 != 0, length })
    }
}

fn text(payload: &[u8]) -> Result<String, Close> {
    std::str::from_utf8(payload).map(str::to_owned).map_err(|_| Close::NotJson)
}

fn violation(error: &ProtocolError) -> Close {
    match error {
        ProtocolError::Overflow => Close::TooBig,
        _ => Close::ProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use actix_http::ws::{OpCode, Parser};
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 64;

    fn masked(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
        let mut bytes = BytesMut::new();
        Parser::write_message(&mut bytes, payload, opcode, is_final, true);
        bytes.to_vec()
    }

    /// Everything a stream yields, and why it ended, if it did; fed `step` bytes at a time.
    fn read(stream: &[u8], step: usize) -> (Vec<Message>, Option<Close>) {
        let (mut inbound, mut messages) = (Inbound::new(MAX, BytesMut::new()), Vec::new());
        for chunk in stream.chunks(step) {
            inbound.feed(chunk);
            loop {
                match inbound.next() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(close) => return (messages, Some(close)),
                }
            }
        }
        (messages, None)
    }

    #[test]
    fn fragments_are_joined_around_control_frames() {
        let stream = [
            masked(OpCode::Text, false, "gr\u{fc}".as_bytes()),
            masked(OpCode::Ping, true, b"p"),
            masked(OpCode::Continue, false, b""),
            masked(OpCode::Continue, true, b"n"),
        ]
        .concat();
        let expected = vec![Message::Ping("p".into()), Message::Text("gr\u{fc}n".into())];
        for step in [1, 3, 1000] {
            assert_eq!(read(&stream, step), (expected.clone(), None));
        }
    }

    #[test]
    fn a_character_may_be_split_over_fragments_but_not_broken() {
        let split = [masked(OpCode::Text, false, b"\xc3"), masked(OpCode::Continue, true, b"\xbc")].concat();
        assert_eq!(read(&split, 1), (vec![Message::Text("\u{fc}".into())], None));
        let broken = [masked(OpCode::Text, false, b"\xc3"), masked(OpCode::Continue, false, b"a")].concat();
        assert_eq!(read(&broken, 1), (vec![], Some(Close::NotJson)));
        let cut = [masked(OpCode::Text, false, b"a"), masked(OpCode::Continue, true, b"\xc3")].concat();
        assert_eq!(read(&cut, 1), (vec![], Some(Close::NotJson)));
    }

    #[test]
    fn an_announced_giant_is_refused_by_its_header() {
        let mut header = vec![0x81, 0xff];
        header.extend_from_slice(&(8u64 << 30).to_be_bytes());
        assert_eq!(read(&header, 1), (vec![], Some(Close::TooBig)));
    }

    #[test]
    fn the_limit_holds_for_one_frame_and_for_all_fragments_together() {
        assert_eq!(read(&masked(OpCode::Text, true, &[b'x'; MAX]), 7).1, None);
        assert_eq!(read(&masked(OpCode::Text, true, &[b'x'; MAX + 1]), 7).1, Some(Close::TooBig));
        let half = [b'x'; MAX / 2];
        let stream = [
            masked(OpCode::Text, false, &half),
            masked(OpCode::Continue, false, &half),
            masked(OpCode::Continue, true, b"x"),
        ]
        .concat();
        assert_eq!(read(&stream, 5).1, Some(Close::TooBig));
    }

    #[test]
    fn broken_frames_are_protocol_errors() {
        let unmasked = [0x81, 0x01, b'x'];
        let reserved_bit = [0xc1, 0x80, 0, 0, 0, 0];
        let reserved_opcode = [0x83, 0x80, 0, 0, 0, 0];
        let long_ping = masked(OpCode::Ping, true, &[0; 126]);
        let cut_ping = masked(OpCode::Ping, false, b"");
        let lone_continuation = masked(OpCode::Continue, true, b"");
        let half_close_code = masked(OpCode::Close, true, b"\x03");
        let frames: [&[u8]; 7] =
            [&unmasked, &reserved_bit, &reserved_opcode, &long_ping, &cut_ping, &lone_continuation, &half_close_code];
        for frame in frames {
            assert_eq!(read(frame, 1), (vec![], Some(Close::ProtocolError)), "{frame:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_bytes_whatever_make_it_panic_or_buffer_more_than_it_was_fed(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), step in 1usize..50,
        ) {
            let mut inbound = Inbound::new(MAX, BytesMut::new());
            for chunk in bytes.chunks(step) {
                inbound.feed(chunk);
                while let Ok(Some(_)) = inbound.next() {}
                prop_assert!(inbound.buffer.capacity() <= 4096);
            }
        }
    }
}
