//! The bounded queue of ready frames towards one socket.
//!
//! Frames are pushed by the fan-out and the connection of the same thread, written at once as far as the socket takes
//! them, and otherwise wait here, bounded in bytes and count. Nobody waits for a full outbox: it closes its client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::close::Close;
use crate::fanout::Encoded;
use crate::limits::OutboxLimits;
use crate::metrics::{self, End, meters};

/// Frames handed to the kernel in one write; far below its own limit of 1,024.
const FRAMES_PER_WRITE: usize = 64;

/// Of one write.
type Parts<'a> = SmallVec<[IoSlice<'a>; FRAMES_PER_WRITE]>;

/// The socket side, given by the edge.
pub trait Wire {
    /// Writes as much as the socket takes now; `WouldBlock` when that is nothing.
    ///
    /// # Errors
    /// As the socket says. Any other error means the socket is gone.
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Wakes the socket's task: frames are waiting for room, or the outbox is closing.
    fn wake(&self);

    /// Reads what a write reads first, and nothing comes of it. One socket after the other is met with cold caches; the
    /// waits for memory of many, all begun at once, overlap.
    fn warm(&self) {}
}

/// How text and close reasons become frames, given by the edge: the framing stays its library's.
#[derive(Clone, Copy)]
pub struct Framing {
    pub text: fn(&str) -> Bytes,
    pub close: fn(u16, &str) -> Bytes,
}

/// Something to write: a frame shared with every other recipient, or one for this socket alone.
#[derive(Clone)]
pub enum Frame {
    Shared { encoded: Arc<Encoded>, with_place: bool },
    Own(Bytes),
}

/// Whether everything pushed so far has left for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    All,
    /// The rest waits for room in the socket.
    Waiting,
}

/// See the module's text. Belongs to one thread.
///
/// In the order of its fields: a fan-out meets each member's outbox with cold caches, and reads the first few only.
#[repr(C)]
pub struct Outbox {
    wire: Rc<dyn Wire>,
    state: RefCell<State>,
    framing: Framing,
    limits: OutboxLimits,
}

#[derive(Default)]
#[repr(C)]
struct State {
    /// Bytes in the queue, the written part of its head included.
    bytes: usize,
    closing: Option<Close>,
    gone: bool,
    queue: VecDeque<Frame>,
    /// How much of the head the kernel has taken.
    head_written: usize,
    /// Bytes and frames of a replay still ahead in the queue: the limits are not for them.
    replay_bytes: usize,
    replay_frames: usize,
    /// The first event of each channel that was dropped unsent.
    dropped: Vec<Arc<Encoded>>,
}

impl Outbox {
    pub fn new(wire: Rc<dyn Wire>, framing: Framing, limits: OutboxLimits) -> Rc<Self> {
        Rc::new(Self { wire, framing, limits, state: RefCell::default() })
    }

    /// Queues text for this client alone and writes it.
    pub fn send_text(&self, text: &str) {
        self.push(Frame::Own((self.framing.text)(text)));
        self.flush();
    }

    /// Queues a frame; `flush` sends it on its way. Over a limit, the client is closed as slow.
    pub fn push(&self, frame: Frame) {
        self.enqueue(frame, 0);
    }

    /// `written` bytes of it have left already: it is the first then.
    fn enqueue(&self, frame: Frame, written: usize) {
        if self.is_closed() {
            self.state.borrow_mut().drop_frame(&frame);
            return;
        }
        let mut state = self.state.borrow_mut();
        state.push(frame);
        state.head_written += written;
        drop(state);
        let over = self.is_over();
        // What does not fit may be due to many pushes in one turn; only what the socket refuses counts.
        if over && self.flush() == Flushed::Waiting && self.is_over() {
            self.close(Close::Slow);
        }
    }

    /// Queues a frame the client has asked for by its RECONNECT: however much it is, it does not make it slow.
    pub fn push_replay(&self, frame: Frame) {
        if !self.is_closed() {
            let mut state = self.state.borrow_mut();
            state.replay_bytes += frame.bytes().len();
            state.replay_frames += 1;
            drop(state);
        }
        self.push(frame);
    }

    /// As [`Wire::warm`].
    pub fn warm(&self) {
        if self.is_idle() {
            self.wire.warm();
        }
    }

    /// Hands events over in as few writes as there can be. What the socket takes at once is never queued: on the hot
    /// path an event costs its recipient a write and nothing else.
    pub fn give<'a>(&self, mut events: impl Iterator<Item = &'a Arc<Encoded>> + Clone, with_place: bool) {
        let mut taken = 0;
        while taken == 0 && self.is_idle() {
            let part = |event: &'a Arc<Encoded>| IoSlice::new(event.bytes(with_place));
            let parts: Parts<'_> = events.clone().take(FRAMES_PER_WRITE).map(part).collect();
            if parts.is_empty() {
                return;
            }
            match write(&*self.wire, &parts) {
                Ok(Some(written)) => taken = pass_over(&mut events, with_place, written),
                Ok(None) => break,
                Err(_) => self.abandon(),
            }
        }
        for event in events {
            self.enqueue(Frame::Shared { encoded: event.clone(), with_place }, std::mem::take(&mut taken));
        }
        self.flush();
    }

    /// Writes what the socket takes.
    pub fn flush(&self) -> Flushed {
        let flushed = self.drain();
        if flushed == Flushed::Waiting {
            self.wire.wake();
        }
        flushed
    }

    /// Sends a close frame after what is queued; nothing more is accepted. A slow client's queue is dropped, so that
    /// its memory is free at once. Only the first call counts.
    pub fn close(&self, reason: Close) {
        self.close_with(reason, (self.framing.close)(reason.code(), reason.reason()));
    }

    /// As [`Self::close`], with a close frame of the caller's: the answer to the client's own.
    pub fn close_with(&self, reason: Close, frame: Bytes) {
        if self.is_closed() {
            return;
        }
        let mut state = self.state.borrow_mut();
        if reason == Close::Slow {
            state.drop_unstarted();
        }
        state.push(Frame::Own(frame));
        state.closing = Some(reason);
        meters().closes.of(End::Closed(reason)).increment(1);
        drop(state);
        self.flush();
        self.wire.wake();
    }

    /// The socket is gone: what is queued will never leave.
    pub fn abandon(&self) {
        self.state.borrow_mut().lose();
    }

    /// Why the server closes this socket, once it does.
    pub fn closing(&self) -> Option<Close> {
        self.state.borrow().closing
    }

    /// Whether the socket is gone, so that nothing more will leave.
    pub fn is_gone(&self) -> bool {
        self.state.borrow().gone
    }

    /// Whether what is handed over may be written at once.
    fn is_idle(&self) -> bool {
        let state = self.state.borrow();
        state.bytes == 0 && state.closing.is_none() && !state.gone
    }

    fn is_closed(&self) -> bool {
        let state = self.state.borrow();
        state.gone || state.closing.is_some()
    }

    fn is_over(&self) -> bool {
        let state = self.state.borrow();
        state.bytes > self.limits.bytes + state.replay_bytes
            || state.queue.len() > self.limits.frames + state.replay_frames
    }

    /// The first event of each channel that the kernel has not fully taken.
    pub fn unsent(&self) -> Vec<Arc<Encoded>> {
        let state = self.state.borrow();
        // What is still queued came before whatever found the socket gone.
        first_of_each_channel(state.queue.iter().filter_map(Frame::encoded).chain(&state.dropped))
    }

    /// As [`Self::flush`], for the socket's own task: it need not be woken.
    pub fn drain(&self) -> Flushed {
        let mut state = self.state.borrow_mut();
        while !state.queue.is_empty() && !state.gone {
            match state.write_to(&*self.wire) {
                Ok(Some(written)) => state.advance(written),
                Ok(None) => return Flushed::Waiting,
                Err(_) => state.lose(),
            }
        }
        if state.gone { Flushed::Waiting } else { Flushed::All }
    }
}

impl State {
    /// The socket is gone. One that was being closed is counted already.
    fn lose(&mut self) {
        if !self.gone && self.closing.is_none() {
            meters().closes.of(End::Lost).increment(1);
        }
        self.gone = true;
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.bytes().len();
        self.queue.push_back(frame);
    }

    fn write_to(&self, wire: &dyn Wire) -> io::Result<Option<usize>> {
        let mut parts: Parts<'_> =
            self.queue.iter().take(FRAMES_PER_WRITE).map(|frame| IoSlice::new(frame.bytes())).collect();
        parts[0].advance(self.head_written);
        write(wire, &parts)
    }

    fn advance(&mut self, written: usize) {
        self.head_written += written;
        let (frames, bytes) = (self.queue.len(), self.bytes);
        self.drop_written();
        metrics::add_sent((frames - self.queue.len()) as u64, (bytes - self.bytes) as u64);
        // An idle connection holds no capacity.
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    fn drop_written(&mut self) {
        while let Some(frame) = self.queue.front() {
            let length = frame.bytes().len();
            if self.head_written < length {
                return;
            }
            self.head_written -= length;
            self.bytes -= length;
            // Whatever stands before the replay leaves before it, so this ends at the latest with the replay itself.
            self.replay_bytes = self.replay_bytes.min(self.bytes);
            self.replay_frames = self.replay_frames.min(self.queue.len() - 1);
            self.queue.pop_front();
        }
    }

    /// Remembers the first event of each channel that will not leave.
    fn drop_frame(&mut self, frame: &Frame) {
        if let Some(encoded) = frame.encoded()
            && !self.dropped.iter().any(|known| known.key == encoded.key)
        {
            self.dropped.push(encoded.clone());
        }
    }

    /// Keeps a head that is half written: cutting it would break the framing.
    fn drop_unstarted(&mut self) {
        self.dropped = first_of_each_channel(self.queue.iter().filter_map(Frame::encoded));
        self.queue.truncate(usize::from(self.head_written > 0));
        self.bytes = self.queue.iter().map(|frame| frame.bytes().len()).sum();
    }
}

/// How much the socket took; `None` when it takes nothing now. An error means that it is gone.
fn write(wire: &dyn Wire, parts: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
    loop {
        match wire.try_write(parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(Some),
        }
    }
}

/// Passes over the events whose frames were written whole, and answers how much was written of the next one.
fn pass_over<'a>(
    events: &mut (impl Iterator<Item = &'a Arc<Encoded>> + Clone),
    with_place: bool,
    mut written: usize,
) -> usize {
    let (mut frames, mut bytes) = (0, 0);
    while written > 0
        && let Some(event) = events.clone().next()
        && event.bytes(with_place).len() <= written
    {
        events.next();
        written -= event.bytes(with_place).len();
        (frames, bytes) = (frames + 1, bytes + event.bytes(with_place).len() as u64);
    }
    metrics::add_sent(frames, bytes);
    written
}

fn first_of_each_channel<'a>(events: impl Iterator<Item = &'a Arc<Encoded>>) -> Vec<Arc<Encoded>> {
    let mut first: Vec<Arc<Encoded>> = Vec::new();
    for event in events {
        if !first.iter().any(|known| known.key == event.key) {
            first.push(event.clone());
        }
    }
    first
}

impl Frame {
    fn encoded(&self) -> Option<&Arc<Encoded>> {
        match self {
            Self::Shared { encoded, .. } => Some(encoded),
            Self::Own(_) => None,
        }
    }

    fn bytes(&self) -> &Bytes {
        match self {
            Self::Shared { encoded, with_place } => encoded.bytes(*with_place),
            Self::Own(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests;
