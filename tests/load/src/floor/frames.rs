//! WebSocket frames: the client's are read in place, the server's are made once and shared (RFC 6455, section 5.2).

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

pub(super) const TEXT: u8 = 0x1;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// One frame of a client, unmasked where it lay.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inbound {
    pub(super) opcode: u8,
    pub(super) payload: Range<usize>,
}

/// The first frame in `buffer`; `None` until all of it is there. Its end is the end of its payload.
pub(super) fn read(buffer: &mut [u8]) -> Option<Inbound> {
    let (&first, &second) = (buffer.first()?, buffer.get(1)?);
    let (length, mut at) = match second & !MASKED {
        LENGTH_16 => (u64::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)), 4),
        LENGTH_64 => (u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?), 10),
        short => (u64::from(short), 2),
    };
    let mask: Option<[u8; 4]> = if second & MASKED != 0 {
        at += 4;
        Some(buffer.get(at - 4..at)?.try_into().ok()?)
    } else {
        None
    };
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let payload = buffer.get_mut(at..end)?;
    if let Some(mask) = mask.filter(|mask| *mask != [0; 4]) {
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    }
    Some(Inbound { opcode: first & 0xf, payload: at..end })
}

/// A whole frame of the server.
pub(super) fn frame(opcode: u8, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut frame = BytesMut::with_capacity(length + 10);
    frame.put_u8(FINAL | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < LENGTH_16 => frame.put_u8(short),
        (_, Ok(long)) => {
            frame.put_u8(LENGTH_16);
            frame.put_u16(long);
        }
        _ => {
            frame.put_u8(LENGTH_64);
            frame.put_u64(length as u64);
        }
    }
    parts.iter().for_each(|part| frame.put_slice(part));
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut frame = frame(TEXT, &[text]).to_vec();
        frame[1] |= MASKED;
        let at = frame.len() - text.len();
        frame.splice(at..at, mask);
        frame[at + 4..].iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        frame
    }

    #[test]
    fn a_frame_of_every_length_is_read_once_it_is_whole() {
        for length in [0, 125, 126, 65_535, 65_536] {
            let text = vec![b'x'; length];
            let mut whole = masked(&text, [1, 2, 3, 4]);
            let end = whole.len();
            assert_eq!(read(&mut whole[..end - 1]), None, "{length}");
            // Another frame behind it is left alone.
            whole.extend([9, 9]);
            let found = read(&mut whole).expect("it is whole");
            assert_eq!((found.opcode, found.payload.end, &whole[found.payload]), (TEXT, end, text.as_slice()));
        }
    }

    #[test]
    fn a_frame_is_put_together_from_parts() {
        assert_eq!(frame(PONG, &[b"ab", b"c"]).as_ref(), b"\x8a\x03abc");
    }
}
