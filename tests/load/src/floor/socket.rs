//! The sending side of one connection: at once when the kernel takes it, later when it does not.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Result};
use std::net::Shutdown;
use std::rc::Rc;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// Most bytes that wait for one reader; beyond, it is dropped. As much as Guildhall holds (`limits.outbox_bytes`).
const MOST_WAITING: usize = 256 * 1024;

pub(super) struct Socket {
    pub(super) stream: TcpStream,
    /// What the kernel has not taken yet.
    waiting: RefCell<Vec<u8>>,
    is_dead: Cell<bool>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Rc<Self> {
        Rc::new(Self { stream, waiting: RefCell::default(), is_dead: Cell::new(false) })
    }

    /// Writes all of it, now or once there is room.
    pub(super) fn send(self: &Rc<Self>, bytes: &[u8]) {
        if self.is_dead.get() {
            return;
        }
        let is_waiting = !self.waiting.borrow().is_empty();
        let written = if is_waiting { Ok(0) } else { self.try_write(bytes) };
        match written {
            Ok(written) if written == bytes.len() => {}
            Ok(written) => self.wait_with(&bytes[written..], is_waiting),
            Err(_) => self.end(),
        }
    }

    fn try_write(&self, bytes: &[u8]) -> Result<usize> {
        match self.stream.try_write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    fn wait_with(self: &Rc<Self>, bytes: &[u8], is_waiting: bool) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() + bytes.len() > MOST_WAITING {
            return self.end();
        }
        waiting.extend_from_slice(bytes);
        if !is_waiting {
            // A task of its own, so that a connection that never waits pays nothing for it.
            spawn_local(self.clone().flush());
        }
    }

    async fn flush(self: Rc<Self>) {
        while !self.is_dead.get() && self.stream.writable().await.is_ok() {
            let mut waiting = self.waiting.borrow_mut();
            match self.try_write(&waiting) {
                Ok(written) => waiting.drain(..written),
                Err(_) => break,
            };
            if waiting.is_empty() {
                *waiting = Vec::new();
                return;
            }
        }
        self.end();
    }

    /// Its reader hears of the end, and lets go of everything.
    fn end(&self) {
        self.is_dead.set(true);
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
    }
}
