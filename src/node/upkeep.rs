//! What a node does from time to time: sweep empty channels, forget old answers, end sessions whose time has come. Its
//! lease, its mail and dead nodes are the backend's own affair.

use std::sync::Arc;
use std::time::Duration;

use guildhall_actors::backend::{Backend, IN_PROGRESS};
use guildhall_actors::ports::StoreError;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error, info};

use crate::config::{Settings, Webhooks};
use crate::http::IDEMPOTENCY_SOURCE;
use crate::metrics::Exposition;
use crate::webhooks::{SOURCES, carry};

/// Between two looks for events beyond their age or number.
const TRIM: Duration = Duration::from_secs(60);

/// Between two sums over what was measured: so long each measurement is kept by itself, in a few bytes.
const SUM_UP: Duration = Duration::from_secs(1);

/// Takes the lease, then keeps everything up in the background.
pub(super) async fn start(backend: &Backend, settings: &Arc<Settings>) -> Result<(), StoreError> {
    let lease = Duration::from_secs(settings.cluster.lease_sec);
    backend.begin_life(lease).await?;
    actix::spawn(sweep(backend.clone(), Duration::from_secs(settings.chat.sweep_sec)));
    actix::spawn(sweep_cafes(backend.clone(), settings.playwave.sweep));
    actix::spawn(carry_webhooks(backend.clone(), settings.clone()));
    actix::spawn(trim_webhooks(backend.clone(), settings.webhooks.clone()));
    Ok(())
}

/// Keeps the memory of what is measured bounded, in the background.
pub(super) fn sum_up_metrics(exposition: Exposition) {
    actix::spawn(async move {
        let mut ticks = interval(SUM_UP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            exposition.sum_up();
        }
    });
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

/// Makes up for what crashes and faults cut off, on whichever node.
async fn carry_webhooks(backend: Backend, settings: Arc<Settings>) {
    let mut ticks = interval(settings.webhooks.retry);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match carry::carry_pending(&backend, &settings, backend.now() - IN_PROGRESS).await {
            Ok(0) => {}
            Ok(webhooks) => info!(webhooks, "webhooks that were cut off carried out"),
            Err(error) => error!(%error, "pending webhooks not looked for"),
        }
    }
}

async fn trim_webhooks(backend: Backend, webhooks: Webhooks) {
    let mut ticks = interval(TRIM);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let oldest = backend.now() - webhooks.keep;
        match backend.ports().inbox.trim(&SOURCES, oldest, webhooks.keep_events, true).await {
            Ok(0) => {}
            Ok(events) => info!(events, "old events dropped"),
            Err(error) => error!(%error, "old events not dropped"),
        }
    }
}

async fn forget_old_answers(backend: &Backend) {
    let oldest = backend.now() - backend.settings().chat.idempotency;
    // A request that a crash cut off is pending for good: nobody carries it out but its repeat.
    if let Err(error) = backend.ports().inbox.trim(&[IDEMPOTENCY_SOURCE], oldest, u64::MAX, false).await {
        error!(%error, "old answers not dropped");
    }
}
