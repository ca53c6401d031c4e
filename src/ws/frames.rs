//! Outbound frames, made by the library's own encoder.

use actix_http::ws::{CloseCode, CloseReason, OpCode, Parser};
use bytes::{Bytes, BytesMut};
use guildhall_actors::outbox::Framing;

/// How the backend's texts become frames.
pub fn framing() -> Framing {
    Framing { text: |text| frame(OpCode::Text, text.as_bytes()), close }
}

/// One final, unmasked frame.
pub(super) fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::new();
    Parser::write_message(&mut bytes, payload, opcode, true, false);
    bytes.freeze()
}

fn close(code: u16, reason: &str) -> Bytes {
    let description = (!reason.is_empty()).then(|| reason.to_owned());
    close_frame(Some(CloseReason { code: CloseCode::from(code), description }))
}

/// The answer to a client's close frame: its own code (RFC 6455, section 5.5.1).
pub(super) fn close_echo(received: Option<CloseReason>) -> Bytes {
    close_frame(received.map(|reason| CloseReason { code: reason.code, description: None }))
}

fn close_frame(reason: Option<CloseReason>) -> Bytes {
    let mut bytes = BytesMut::new();
    Parser::write_close(&mut bytes, reason, false);
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_reason_fits_a_control_frame() {
        use guildhall_actors::close::Close;
        for reason in Close::ALL {
            assert!(close(reason.code(), reason.reason()).len() <= 2 + 125, "{reason:?}");
        }
    }
}
