//! An echo for the WebSocket conformance run, on the same transport as the chat.

use std::rc::Rc;

use actix_http::ws::OpCode;
use bytes::Bytes;
use guildhall_actors::close::Close;
use guildhall_actors::outbox::{Frame, Outbox};

use super::frames;
use super::socket::Receiver;

/// Where the echo is.
pub(super) const PATH: &str = "/autobahn";

/// Sends every message back.
pub(super) struct Echo(pub(super) Rc<Outbox>);

impl Echo {
    fn send(&self, opcode: OpCode, payload: &[u8]) {
        self.0.push(Frame::Own(frames::frame(opcode, payload)));
        self.0.flush();
    }
}

impl Receiver for Echo {
    async fn on_text(&self, text: String) -> bool {
        self.send(OpCode::Text, text.as_bytes());
        true
    }

    fn on_binary(&self, payload: Bytes) -> Result<(), Close> {
        self.send(OpCode::Binary, &payload);
        Ok(())
    }

    fn on_end(&self, reason: Option<Close>) {
        match reason {
            Some(reason) => self.0.close(reason),
            None => self.0.abandon(),
        }
    }
}
