//! A socket that records what it is given.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;

use bytes::Bytes;

use crate::outbox::{Framing, Wire};

/// Takes as many bytes as it was allowed, then refuses.
#[derive(Default)]
pub struct RecordingWire {
    written: RefCell<Vec<u8>>,
    room: Cell<usize>,
    writes: Cell<usize>,
}

impl RecordingWire {
    pub fn taking(room: usize) -> Rc<Self> {
        Rc::new(Self { room: Cell::new(room), ..Self::default() })
    }

    pub fn take_more(&self, room: usize) {
        self.room.set(room);
    }

    /// How often it was written to.
    pub fn writes(&self) -> usize {
        self.writes.get()
    }

    /// # Panics
    /// When what was written is not UTF-8.
    pub fn written(&self) -> String {
        String::from_utf8(self.written.borrow().clone()).expect("tests write text")
    }
}

impl Wire for RecordingWire {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.writes.update(|writes| writes + 1);
        let mut written = 0;
        for part in parts {
            let taken = part.len().min(self.room.get());
            self.written.borrow_mut().extend_from_slice(&part[..taken]);
            self.room.set(self.room.get() - taken);
            written += taken;
        }
        if written == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(written) }
    }

    fn wake(&self) {}
}

/// Text as it is, and close frames as readable text.
pub fn plain_framing() -> Framing {
    Framing {
        text: |text| Bytes::copy_from_slice(text.as_bytes()),
        close: |code, reason| Bytes::from(format!("close {code} {reason}")),
    }
}
