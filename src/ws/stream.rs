//! A plain or TLS socket that its reader, its writer and the fan-out share on one thread.

use std::cell::RefCell;
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_codec::{AsyncRead, AsyncWrite, ReadBuf};
use actix_tls::accept::rustls_0_23::TlsStream;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// See the module's text.
pub enum Stream {
    Plain(TcpStream),
    /// Boxed: its records would cost every plain socket over a kilobyte.
    Tls(Box<RefCell<Tls>>),
}

/// TLS keeps records of its own: the fan-out's writes go through it with the writer's waker, so that what the socket
/// does not take is sent later by the writer.
pub struct Tls {
    stream: TlsStream<TcpStream>,
    writer: Waker,
}

/// What the HTTP server hands over.
pub trait IntoStream {
    fn into_stream(self) -> Stream;
}

impl IntoStream for TcpStream {
    fn into_stream(self) -> Stream {
        Stream::Plain(self)
    }
}

impl IntoStream for TlsStream<TcpStream> {
    fn into_stream(self) -> Stream {
        Stream::Tls(Box::new(RefCell::new(Tls { stream: self, writer: Waker::noop().clone() })))
    }
}

impl Stream {
    /// Small frames at once, and a bounded part of the backlog in the kernel, where a stuck client's would be hidden.
    pub(super) fn prepare(&self, send_buffer: usize) {
        self.with_socket(|socket| {
            // Both are improvements, not needs.
            let _ = socket.set_tcp_nodelay(true);
            let _ = socket.set_send_buffer_size(send_buffer);
        });
    }

    /// Makes the coming close drop what the kernel still holds: an orphaned backlog would outlive us.
    pub(super) fn reset_on_close(&self) {
        self.with_socket(|socket| {
            let _ = socket.set_linger(Some(Duration::ZERO));
        });
    }

    /// Tells the peer that nothing more will come.
    pub(super) fn poll_finish_writing(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Poll::Ready(SockRef::from(socket).shutdown(std::net::Shutdown::Write)),
            Self::Tls(tls) => Pin::new(&mut tls.borrow_mut().stream).poll_shutdown(cx),
        }
    }

    fn with_socket(&self, act: impl FnOnce(SockRef<'_>)) {
        match self {
            Self::Plain(socket) => act(SockRef::from(socket)),
            Self::Tls(tls) => act(SockRef::from(tls.borrow().stream.get_ref().0)),
        }
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => loop {
                ready!(socket.poll_read_ready(cx))?;
                match socket.try_read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Tls(tls) => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut tls.borrow_mut().stream).poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Writes what the socket takes now.
    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => match parts {
                [only] => socket.try_write(only),
                parts => socket.try_write_vectored(parts),
            },
            Self::Tls(tls) => tls.borrow_mut().try_write(parts),
        }
    }

    /// Reads what a write reads first.
    pub(super) fn warm(&self) {
        if let Self::Plain(socket) = self {
            let _ = black_box(socket.try_io(Interest::WRITABLE, || Ok(())));
        }
    }

    /// Whether writing again makes sense; called by the writer only.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => socket.poll_write_ready(cx),
            Self::Tls(_) => self.poll_flush(cx),
        }
    }

    /// Whether everything written has left for the kernel; called by the writer only.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(tls) => {
                let mut tls = tls.borrow_mut();
                tls.writer.clone_from(cx.waker());
                Pin::new(&mut tls.stream).poll_flush(cx)
            }
        }
    }
}

impl Tls {
    fn try_write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let waker = self.writer.clone();
        let mut cx = Context::from_waker(&waker);
        let written = match Pin::new(&mut self.stream).poll_write_vectored(&mut cx, parts) {
            Poll::Ready(result) => result?,
            Poll::Pending => return Err(io::ErrorKind::WouldBlock.into()),
        };
        // What is left in the TLS records goes with the writer's next turn.
        if let Poll::Ready(Err(error)) = Pin::new(&mut self.stream).poll_flush(&mut cx) {
            return Err(error);
        }
        Ok(written)
    }
}
