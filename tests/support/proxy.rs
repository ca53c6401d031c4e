//! A TCP link that a test can slow down, cut and black-hole.
//!
//! Bytes are never changed or lost while the link lives: a black hole holds them back, as retransmission would.
//! Unlike a real one it still acknowledges them (the kernel does), so only an answer that stays out gives it away.

mod pipe;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::free_port::free_port;

/// What happens to connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// Every byte arrives this much later, in both directions.
    Delay(Duration),
    /// Connections are reset, new ones refused.
    Cut,
    /// Connections stay, new ones are accepted, nothing gets through.
    BlackHole,
}

/// Which connections a mode is for.
#[derive(Clone, Copy, Debug)]
struct Modes {
    all: Mode,
    /// For those that carried a Redis subscription, unless `all` is already worse than passing.
    subscriptions: Mode,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
}

/// A link on a loopback port of its own, gone when this is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    modes: watch::Sender<Modes>,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A link to `target` that passes everything.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        // Below the range of outgoing connections: nobody takes the port while the link is cut.
        let (address, listener) = listen().await;
        let (modes, watched) = watch::channel(Modes { all: Mode::Pass, subscriptions: Mode::Pass });
        let counts = Arc::default();
        let accepting =
            tokio::spawn(accept(Acceptor { address, target, modes: watched, counts: Arc::clone(&counts) }, listener));
        Self { address, modes, counts, accepting }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes every connection, those there are and those to come.
    pub(crate) fn set(&self, mode: Mode) {
        self.modes.send_modify(|modes| modes.all = mode);
    }

    /// Changes only connections over which a Redis client subscribes.
    pub(crate) fn set_subscriptions(&self, mode: Mode) {
        self.modes.send_modify(|modes| modes.subscriptions = mode);
    }

    /// Everything passes again.
    pub(crate) fn resume(&self) {
        self.modes.send_replace(Modes { all: Mode::Pass, subscriptions: Mode::Pass });
    }

    /// How many connections were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// How many are open now.
    pub(crate) fn open(&self) -> usize {
        self.counts.open.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// On a port that is free still when it is taken.
async fn listen() -> (SocketAddr, TcpListener) {
    loop {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        if let Ok(listener) = TcpListener::bind(address).await {
            return (address, listener);
        }
    }
}

struct Acceptor {
    address: SocketAddr,
    target: SocketAddr,
    modes: watch::Receiver<Modes>,
    counts: Arc<Counts>,
}

async fn accept(mut acceptor: Acceptor, mut listener: TcpListener) {
    let is_cut = |modes: &Modes| modes.all == Mode::Cut;
    let mut connections = JoinSet::new();
    loop {
        let mut modes = acceptor.modes.clone();
        tokio::select! {
            () = acceptor.serve(&listener, &mut connections) => {}
            _ = modes.wait_for(is_cut) => {}
        }
        drop(listener);
        if acceptor.modes.wait_for(|modes| !is_cut(modes)).await.is_err() {
            return;
        }
        listener = TcpListener::bind(acceptor.address).await.expect("the port stays free");
    }
}

impl Acceptor {
    async fn serve(&self, listener: &TcpListener, connections: &mut JoinSet<()>) {
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { continue };
                    self.counts.accepted.fetch_add(1, Ordering::Relaxed);
                    let pipe = pipe::run(client, self.target, self.modes.clone());
                    connections.spawn(counted(pipe, Arc::clone(&self.counts)));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn counted(pipe: impl Future<Output = ()>, counts: Arc<Counts>) {
    counts.open.fetch_add(1, Ordering::Relaxed);
    pipe.await;
    counts.open.fetch_sub(1, Ordering::Relaxed);
}
