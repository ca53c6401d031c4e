//! WebSocket frames (RFC 6455): written as a client does, read in place.

pub(crate) const TEXT: u8 = 1;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
const PONG: u8 = 10;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A frame of the server, where it lies in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// `None` for a part of a fragmented message, which no server here sends.
    pub(crate) opcode: Option<u8>,
    pub(crate) payload: &'a [u8],
    /// Header and payload.
    pub(crate) length: usize,
}

/// The first frame of these bytes; `None` when it is not complete.
pub(crate) fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let [kind, short, ..] = *bytes else { return None };
    let (header, size) = match short & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).ok()?),
        size => (2, usize::from(size)),
    };
    let length = header + size;
    let opcode = (kind & FINAL != 0).then_some(kind & 0x0f);
    Some(Frame { opcode, payload: bytes.get(header..length)?, length })
}

/// Appends a text frame. Its mask is zero: the RFC wants any mask from a client, and this one costs nothing.
pub(crate) fn text(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, TEXT, payload);
}

/// Appends the answer to a ping.
pub(crate) fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    write(out, PONG, payload);
}

fn write(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.push(FINAL | opcode);
    match u16::try_from(payload.len()) {
        Ok(size @ 0..=125) => out.push(MASKED | size.to_be_bytes()[1]),
        Ok(size) => {
            out.push(MASKED | 126);
            out.extend(size.to_be_bytes());
        }
        Err(_) => {
            out.push(MASKED | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `write` makes, as a server would send it: without the mask.
    fn from_server(size: usize) -> Vec<u8> {
        let mut frame = Vec::new();
        text(&mut frame, &vec![b'x'; size]);
        let header = frame.len() - size - 4;
        frame.drain(header..header + 4);
        frame[1] &= 0x7f;
        frame
    }

    #[test]
    fn frames_of_every_length_are_read_back_and_never_before_they_are_complete() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = from_server(size);
            let read = first(&frame).expect("a complete frame");
            assert_eq!((read.opcode, read.payload.len(), read.length), (Some(TEXT), size, frame.len()));
            assert!((0..frame.len()).step_by(97).all(|cut| first(&frame[..cut]).is_none()), "{size}");
        }
    }

    #[test]
    fn a_part_of_a_fragmented_message_has_no_opcode() {
        assert_eq!(first(&[TEXT, 1, b'x']).map(|frame| frame.opcode), Some(None));
    }
}
