//! The end of a node: told by a signal, in good order, within a deadline.

use std::io;
use std::time::Duration;

use actix_server::ServerHandle;
use guildhall_actors::backend::Backend;
use guildhall_actors::close::Close;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::config::Settings;
use crate::health::Health;

/// Part of the deadline over which sockets are closed: the rest is for their logouts and for requests under way.
const SHARE_OF_CLOSING: u32 = 2;

/// The signals that end a node: SIGTERM and SIGINT. Caught from the moment this is made.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.terminate.recv() => {} _ = self.interrupt.recv() => {} }
    }
}

/// Waits for a signal, then drains; a second signal ends the node at once.
pub(super) async fn on_signal(
    mut signals: Signals,
    backend: &Backend,
    health: &Health,
    settings: &Settings,
    server: ServerHandle,
) {
    signals.next().await;
    info!("draining");
    health.start_draining();
    // Those who follow the event stream are to look up and see it.
    backend.ring_events();
    let deadline = Duration::from_secs(settings.cluster.drain_sec);
    tokio::select! {
        drained = tokio::time::timeout(deadline, drain(backend, server, deadline / SHARE_OF_CLOSING)) => {
            if drained.is_err() {
                warn!("drain cut off at its deadline; the next start ends what is left");
            }
        }
        () = signals.next() => {}
    }
}

/// Closes the sockets over at most `closing`, and ends what is under way.
async fn drain(backend: &Backend, server: ServerHandle, closing: Duration) {
    backend.shut_down_connections(Close::Drain, closing).await;
    backend.wait_idle().await;
    backend.end();
    // Beside the last requests: an idle connection that a proxy keeps may hold the server up to the deadline, and a node
    // that has no logins left needs no recovery.
    tokio::join!(retire(backend), server.stop(true));
    info!("drained");
}

async fn retire(backend: &Backend) {
    match backend.ports().nodes.retire(backend.node()).await {
        Ok(()) => info!("node retired"),
        Err(error) => warn!(%error, "node not retired"),
    }
}
