//! The end of a node: told by a signal, in good order, within a deadline.

use std::time::Duration;

use actix_server::ServerHandle;
use guildhall_actors::backend::Backend;
use guildhall_actors::close::Close;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::config::Settings;
use crate::health::Health;

/// Sockets closed before the next ones: their logouts share the store's commits, and their clients do not all
/// come back in one instant.
const BATCH: usize = 256;

/// Waits for SIGTERM or SIGINT, then drains; a second signal ends the node at once.
pub(super) async fn on_signal(
    backend: &Backend,
    health: &Health,
    settings: &Settings,
    server: ServerHandle,
) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    info!("draining");
    health.start_draining();
    let deadline = Duration::from_secs(settings.cluster.drain_sec);
    tokio::select! {
        drained = tokio::time::timeout(deadline, drain(backend, server)) => {
            if drained.is_err() {
                warn!("drain cut off at its deadline; the next start ends what is left");
            }
        }
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn drain(backend: &Backend, server: ServerHandle) {
    backend.shut_down_connections(Close::Drain, BATCH).await;
    backend.wait_idle().await;
    backend.end();
    server.stop(true).await;
    match backend.ports().nodes.retire(backend.node()).await {
        Ok(()) => info!("drained"),
        Err(error) => warn!(%error, "node not retired"),
    }
}
