//! A nonblocking socket in an epoll loop, edge-triggered, with few bytes of its own: what could not be sent yet, and
//! what was read of something incomplete.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Type};

pub(crate) struct Socket {
    stream: TcpStream,
    unsent: Vec<u8>,
    incomplete: Vec<u8>,
}

/// What a read left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// Bytes of the buffer that are filled, from its begin.
    pub(crate) bytes: usize,
    /// How many of them are new.
    pub(crate) new: usize,
    /// Whether there may be more.
    pub(crate) more: bool,
}

impl Socket {
    /// Begins to connect, from the address `source` if one is given; `first` is sent as soon as that is done.
    pub(crate) fn connect(
        server: SocketAddr,
        source: Option<SocketAddr>,
        first: Vec<u8>,
        (registry, token): (&Registry, Token),
    ) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(source) = source {
            socket.bind(&source.into())?;
        }
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, unsent: first, incomplete: Vec::new() })
    }

    /// Sends, or keeps what the kernel does not take now.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.unsent.is_empty() {
            self.unsent.extend(bytes);
            return Ok(());
        }
        let sent = write(&mut self.stream, bytes)?;
        self.unsent.extend(&bytes[sent..]);
        Ok(())
    }

    /// Sends what was kept; to be called when the socket becomes writable.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = write(&mut self.stream, &self.unsent)?;
            self.unsent.drain(..sent);
            // Thousands of players do not need to keep the memory of their handshakes.
            self.unsent.shrink_to_fit();
        }
        Ok(())
    }

    /// Reads behind what was incomplete the last time. One call to the kernel is enough when the buffer is not filled
    /// by it: whatever comes later raises a new event.
    ///
    /// # Errors
    /// `UnexpectedEof` when the server has closed the connection.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<Filled> {
        let kept = self.incomplete.len();
        buffer[..kept].copy_from_slice(&self.incomplete);
        self.incomplete.clear();
        match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(new) => Ok(Filled { bytes: kept + new, new, more: kept + new == buffer.len() }),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Filled { bytes: kept, new: 0, more: true }),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Filled { bytes: kept, new: 0, more: false }),
            Err(error) => Err(error),
        }
    }

    /// Keeps what is incomplete for the next `fill`.
    pub(crate) fn keep(&mut self, incomplete: &[u8]) {
        if incomplete.is_empty() && self.incomplete.capacity() > 0 {
            self.incomplete = Vec::new();
        }
        self.incomplete.extend(incomplete);
    }
}

fn write(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            written => return written,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;

    /// A socket of the loop, and the server's end of it.
    fn pair(source: Option<SocketAddr>, poll: &Poll) -> (Socket, std::net::TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Socket::connect(address, source, b"first".to_vec(), (poll.registry(), Token(7))).unwrap();
        (socket, listener.accept().unwrap().0)
    }

    /// Waits for the next event of the socket.
    fn stir(poll: &mut Poll) {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
        assert!(events.iter().any(|event| event.token() == Token(7)), "nothing within ten seconds");
    }

    #[test]
    fn what_is_to_be_sent_first_is_sent_once_there_is_a_connection() {
        let mut poll = Poll::new().unwrap();
        let source = SocketAddr::from(([127, 0, 0, 2], 0));
        let (mut socket, mut server) = pair(Some(source), &poll);
        assert_eq!(server.peer_addr().unwrap().ip(), source.ip());
        stir(&mut poll);
        socket.flush().unwrap();
        let mut heard = [0; 5];
        server.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"first");
    }

    #[test]
    fn what_was_incomplete_stands_before_what_comes_next_and_then_comes_the_end() {
        let mut poll = Poll::new().unwrap();
        let (mut socket, mut server) = pair(None, &poll);
        stir(&mut poll);
        let mut buffer = [0; 64];
        server.write_all(b"two halv").unwrap();
        stir(&mut poll);
        assert_eq!(socket.fill(&mut buffer).unwrap(), Filled { bytes: 8, new: 8, more: false });
        socket.keep(b"halv");
        server.write_all(b"es").unwrap();
        stir(&mut poll);
        assert_eq!(socket.fill(&mut buffer).unwrap(), Filled { bytes: 6, new: 2, more: false });
        assert_eq!(&buffer[..6], b"halves");
        drop(server);
        stir(&mut poll);
        assert_eq!(socket.fill(&mut buffer).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
