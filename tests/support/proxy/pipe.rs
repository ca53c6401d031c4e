//! One connection through the link: two directions, each a reader and a writer with the bytes under way between them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Mode, Modes};

/// Chunks under way in one direction; a full link pushes back on its sender.
const UNDER_WAY: usize = 256;
/// What a Redis client says to subscribe, to channels, shards or patterns.
const SUBSCRIBE: &[u8] = b"SUBSCRIBE\r\n";

/// What one connection knows of the link.
struct Link {
    modes: watch::Receiver<Modes>,
    subscribes: AtomicBool,
}

impl Link {
    fn mode(&self, modes: &Modes) -> Mode {
        match modes.all {
            Mode::Pass if self.subscribes.load(Ordering::Relaxed) => modes.subscriptions,
            all => all,
        }
    }

    /// Waits while the link is a black hole; the delay once it is not, or an error when it is cut.
    async fn passable(&self) -> io::Result<Duration> {
        let mut modes = self.modes.clone();
        let gone = |_| io::Error::from(io::ErrorKind::ConnectionAborted);
        let modes = modes.wait_for(|modes| self.mode(modes) != Mode::BlackHole).await.map_err(gone)?;
        match self.mode(&modes) {
            Mode::Cut => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
            Mode::Delay(delay) => Ok(delay),
            Mode::Pass | Mode::BlackHole => Ok(Duration::ZERO),
        }
    }

    /// Returns when the connection is to be reset.
    async fn cut(&self) {
        let mut modes = self.modes.clone();
        let _ = modes.wait_for(|modes| self.mode(modes) == Mode::Cut).await; // a link that is gone cuts, too
    }
}

/// Serves one connection to its end.
pub(super) async fn run(mut client: TcpStream, target: SocketAddr, modes: watch::Receiver<Modes>) {
    let link = Link { modes, subscribes: AtomicBool::new(false) };
    if link.passable().await.is_err() {
        return reset(&client);
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return reset(&client) };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = try_join(pump(from_client, to_server, &link), pump(from_server, to_client, &link));
        tokio::select! {
            ended = both => ended.is_ok(),
            () = link.cut() => false,
        }
    };
    if !ended {
        reset(&client);
        reset(&server);
    }
}

/// Lets the end of this connection be a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Carries one direction to its end.
async fn pump(from: ReadHalf<'_>, to: WriteHalf<'_>, link: &Link) -> io::Result<()> {
    let (under_way, arriving) = mpsc::channel(UNDER_WAY);
    try_join(take(from, under_way, link), bring(arriving, to, link)).await.map(|_| ())
}

async fn take(mut from: ReadHalf<'_>, under_way: mpsc::Sender<(Instant, Bytes)>, link: &Link) -> io::Result<()> {
    loop {
        let mut chunk = BytesMut::with_capacity(16 * 1024);
        if from.read_buf(&mut chunk).await? == 0 {
            return Ok(()); // the writer brings what is under way, then the end
        }
        if chunk.windows(SUBSCRIBE.len()).any(|window| window == SUBSCRIBE) {
            link.subscribes.store(true, Ordering::Relaxed);
        }
        let due = Instant::now() + link.passable().await?;
        if under_way.send((due, chunk.freeze())).await.is_err() {
            return Ok(());
        }
    }
}

async fn bring(mut arriving: mpsc::Receiver<(Instant, Bytes)>, mut to: WriteHalf<'_>, link: &Link) -> io::Result<()> {
    while let Some((due, chunk)) = arriving.recv().await {
        tokio::time::sleep_until(due).await;
        link.passable().await?;
        to.write_all(&chunk).await?;
    }
    link.passable().await?;
    to.shutdown().await
}
