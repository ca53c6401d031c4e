//! A bare relay, as little as there can be between players of two nodes: it passes on to Redis what its sockets say,
//! and to its sockets what Redis says. No parsing, no order, nothing kept.

use std::io;
use std::net::SocketAddr;
use std::thread;

use futures_util::future::select_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::race::{connect, subscribed};

const BUFFER: usize = 64 * 1024;

/// Starts a relay for `count` sockets on a thread of its own; answers where it listens. It ends with the process.
pub(crate) async fn start(port: u16, name: &'static str, count: usize) -> SocketAddr {
    let (tell, told) = oneshot::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            tell.send(listener.local_addr().expect("an address")).expect("the bench waits for it");
            // The sockets break when the bench ends.
            let _ = relay(listener, connect(port).await, subscribed(port, name).await, count).await;
        });
    });
    told.await.expect("the relay starts")
}

/// What `count` sockets say goes to Redis, and what Redis says goes to all of them.
async fn relay(listener: TcpListener, mut to: TcpStream, mut from: TcpStream, count: usize) -> io::Result<()> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(listener.accept().await?.0);
    }
    let (mut heard, mut answers, mut said) = (vec![0; BUFFER], vec![0; BUFFER], vec![0; BUFFER]);
    loop {
        let readable = sockets.iter().map(TcpStream::readable).map(Box::pin);
        let read = tokio::select! {
            (_, speaker, _) = select_all(readable) => match sockets[speaker].try_read(&mut said) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                read => {
                    to.write_all(&said[..*read.as_ref().unwrap_or(&0)]).await?;
                    read?
                }
            },
            read = from.read(&mut heard) => {
                let read = read?;
                for socket in &sockets {
                    socket.writable().await?;
                    assert_eq!(socket.try_write(&heard[..read])?, read, "in one go");
                }
                read
            }
            read = to.read(&mut answers) => read?,
        };
        if read == 0 {
            return Ok(());
        }
    }
}
