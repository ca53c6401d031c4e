//! What a node does from time to time: renew its lease, sweep empty channels, forget old answers, end sessions whose
//! time has come.

use std::time::Duration;

use guildhall_actors::backend::Backend;
use guildhall_actors::ports::StoreError;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info, warn};

use crate::config::Settings;
use crate::http::IDEMPOTENCY_SOURCE;

/// Renewals within one lease: two may fail.
const RENEWALS_PER_LEASE: u32 = 3;

/// Takes the lease, then keeps everything up in the background.
pub(super) async fn start(backend: &Backend, settings: &Settings) -> Result<(), StoreError> {
    let lease = Duration::from_secs(settings.cluster.lease_sec);
    renew(backend, lease).await?;
    actix::spawn(keep_lease(backend.clone(), lease));
    actix::spawn(sweep(backend.clone(), Duration::from_secs(settings.chat.sweep_sec)));
    actix::spawn(sweep_cafes(backend.clone(), settings.playwave.sweep));
    Ok(())
}

async fn renew(backend: &Backend, lease: Duration) -> Result<(), StoreError> {
    if !backend.ports().nodes.renew(backend.node(), backend.now() + lease).await? {
        warn!(node.id = %backend.node(), "lease lost");
    }
    Ok(())
}

async fn keep_lease(backend: Backend, lease: Duration) {
    let mut ticks = interval(lease / RENEWALS_PER_LEASE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = renew(&backend, lease).await {
            error!(%error, "lease not renewed");
        }
    }
}

async fn sweep(backend: Backend, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match backend.sweep(every).await {
            Ok(0) => {}
            Ok(channels) => info!(channels, "empty channels swept"),
            Err(error) => error!(%error, "sweep failed"),
        }
        forget_old_answers(&backend).await;
    }
}

async fn sweep_cafes(backend: Backend, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match backend.sweep_cafes().await {
            Ok(0) => {}
            Ok(documents) => debug!(documents, "sessions, tokens and launchers swept"),
            Err(error) => error!(%error, "sweep of cafes failed"),
        }
    }
}

async fn forget_old_answers(backend: &Backend) {
    let oldest = backend.now() - backend.settings().chat.idempotency;
    if let Err(error) = backend.ports().inbox.trim(IDEMPOTENCY_SOURCE, oldest).await {
        error!(%error, "old answers not dropped");
    }
}
