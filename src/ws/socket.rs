//! One socket from the upgrade to its end.
//!
//! A reader and a writer on one task. The reader hands over one message at a time and waits, so that TCP pushes back;
//! the writer only wakes when the fan-out could not write at once. When either side ends, the close handshake gets a
//! bounded time; then the socket is dropped for real, whatever the peer does.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::ws::OpCode;
use bytes::{Bytes, BytesMut};
use futures_util::future::{Either, select};
use futures_util::task::AtomicWaker;
use guildhall_actors::close::Close;
use guildhall_actors::limits::OutboxLimits;
use guildhall_actors::outbox::{Flushed, Frame, Outbox, Wire};

use super::frames::{self, close_echo};
use super::inbound::{Inbound, Message};
use super::stream::Stream;

/// Bytes read at once; the buffer is shared by all sockets of a thread.
const READ_BYTES: usize = 64 * 1024;

/// Messages taken from one socket before the others on its thread get their turn: one read can hold thousands of pings.
const MESSAGES_PER_TURN: u64 = 64;

/// What a thread's sockets share.
pub(super) type ReadBuffer = Rc<RefCell<Box<[u8]>>>;

/// Bounds of one socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketLimits {
    pub(super) inbound_bytes: usize,
    pub(super) send_buffer_bytes: usize,
    pub(super) close_grace: Duration,
    pub(super) outbox: OutboxLimits,
}

/// Takes a client's messages.
pub(super) trait Receiver {
    /// `false` when no more are wanted.
    async fn on_text(&self, text: String) -> bool;

    /// What a binary message is answered with; the chat contract has none.
    fn on_binary(&self, payload: Bytes) -> Result<(), Close>;

    /// The socket has ended, or ends now for this reason.
    fn on_end(&self, reason: Option<Close>);
}

/// Why reading ended.
enum End {
    /// The client's close frame; it has been answered.
    ClosedByPeer,
    /// The connection is gone.
    Lost,
    /// The client broke a rule.
    Violation(Close),
    /// The server closes.
    ClosedHere,
}

pub(super) fn read_buffer() -> ReadBuffer {
    Rc::new(RefCell::new(vec![0; READ_BYTES].into_boxed_slice()))
}

/// An open socket.
pub(super) struct Socket {
    line: Rc<Line>,
    pub(super) outbox: Rc<Outbox>,
    buffer: ReadBuffer,
    limits: Rc<SocketLimits>,
}

/// What a socket's task shares with its outbox.
struct Line {
    stream: Stream,
    writer: AtomicWaker,
}

impl Wire for Line {
    fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.stream.try_write(parts)
    }

    fn wake(&self) {
        self.writer.wake();
    }

    fn warm(&self) {
        self.stream.warm();
    }
}

impl Socket {
    pub(super) fn new(stream: Stream, buffer: ReadBuffer, limits: Rc<SocketLimits>) -> Self {
        stream.prepare(limits.send_buffer_bytes);
        let line = Rc::new(Line { stream, writer: AtomicWaker::new() });
        let outbox = Outbox::new(line.clone(), frames::framing(), limits.outbox);
        Self { line, outbox, buffer, limits }
    }

    /// Serves the socket until it has ended for good. Every idle socket holds this future: what it needs only now and
    /// then is in boxes.
    pub(super) fn run(self, early: BytesMut, receiver: impl Receiver) -> impl Future<Output = ()> {
        let mut inbound = Inbound::new(self.limits.inbound_bytes, early);
        async move {
            let end = {
                let reading = std::pin::pin!(self.read(&mut inbound, &receiver));
                let writing = std::pin::pin!(self.write_until_closing());
                match select(reading, writing).await {
                    Either::Left((end, _)) => end,
                    Either::Right(_) => End::ClosedHere,
                }
            };
            Box::pin(self.end(end, inbound, &receiver)).await;
        }
    }

    async fn end(&self, end: End, inbound: Inbound, receiver: &impl Receiver) {
        match end {
            End::Lost => receiver.on_end(None),
            End::ClosedByPeer | End::ClosedHere => receiver.on_end(Some(Close::Normal)),
            End::Violation(reason) => {
                // Here, because the receiver may take its time.
                self.outbox.close(reason);
                receiver.on_end(Some(reason));
            }
        }
        if !matches!(end, End::Lost) {
            self.finish(inbound).await;
        }
    }

    async fn read(&self, inbound: &mut Inbound, receiver: &impl Receiver) -> End {
        for count in 1_u64.. {
            if count.is_multiple_of(MESSAGES_PER_TURN) {
                tokio::task::yield_now().await;
            }
            let message = match inbound.next() {
                Ok(Some(message)) => message,
                Ok(None) => match self.read_some(inbound).await {
                    Ok(0) | Err(_) => return End::Lost,
                    Ok(_) => continue,
                },
                Err(reason) => return End::Violation(reason),
            };
            match message {
                Message::Text(text) => {
                    if !Box::pin(receiver.on_text(text)).await {
                        return End::ClosedHere;
                    }
                }
                Message::Binary(payload) => {
                    if let Err(reason) = receiver.on_binary(payload) {
                        return End::Violation(reason);
                    }
                }
                Message::Ping(payload) => {
                    self.outbox.push(Frame::Own(frames::frame(OpCode::Pong, &payload)));
                    self.outbox.flush();
                }
                Message::Pong => {}
                Message::Close(reason) => {
                    self.outbox.close_with(Close::Normal, close_echo(reason));
                    return End::ClosedByPeer;
                }
            }
        }
        End::Lost
    }

    async fn read_some(&self, inbound: &mut Inbound) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut buffer = self.buffer.borrow_mut();
            let count = ready!(self.line.stream.poll_read(cx, &mut buffer))?;
            inbound.feed(&buffer[..count]);
            Poll::Ready(Ok(count))
        })
        .await
    }

    /// Writes what the fan-out had to leave, until the outbox is closing or the socket is gone.
    async fn write_until_closing(&self) {
        poll_fn(|cx| match self.poll_drain(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(()),
            _ if self.outbox.closing().is_some() => Poll::Ready(()),
            _ => Poll::Pending,
        })
        .await;
    }

    /// Ready when nothing is left to write. Woken by the outbox and by the socket.
    fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.writer.register(cx.waker());
        while self.outbox.drain() == Flushed::Waiting {
            if self.outbox.is_gone() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            ready!(self.line.stream.poll_writable(cx))?;
        }
        self.line.stream.poll_flush(cx)
    }

    /// The close handshake: our close frame out, then the peer's close frame or the end of its stream in.
    async fn finish(&self, inbound: Inbound) {
        let handshake = async {
            poll_fn(|cx| self.poll_drain(cx)).await?;
            poll_fn(|cx| self.line.stream.poll_finish_writing(cx)).await?;
            self.discard(inbound).await
        };
        if !matches!(tokio::time::timeout(self.limits.close_grace, handshake).await, Ok(Ok(()))) {
            self.line.stream.reset_on_close();
        }
    }

    async fn discard(&self, mut inbound: Inbound) -> io::Result<()> {
        loop {
            match inbound.next() {
                Ok(Some(Message::Close(_))) => return Ok(()),
                Ok(Some(_)) => continue,
                Ok(None) => {}
                // After a violation nothing can be decoded any more; the end of the stream will do.
                Err(_) => inbound = Inbound::new(self.limits.inbound_bytes, BytesMut::new()),
            }
            if self.read_some(&mut inbound).await? == 0 {
                return Ok(());
            }
        }
    }
}
