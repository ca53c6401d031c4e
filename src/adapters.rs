//! The adapters: how the ports of `guildhall_actors` reach the outside, and which of them the settings choose.

pub mod embedded;
pub mod redis;

use std::time::Duration;

use anyhow::Context;
use guildhall_actors::backend::Ports;
use guildhall_actors::ports::StoreError;
use tokio::time::{Instant, sleep};
use tracing::warn;

use self::embedded::Embedded;
use self::redis::{OpenError, Options, Redis};
use crate::config::{Settings, StoreKind};
use crate::metrics::server_meters;

/// How long a starting node waits for Redis: they may be started together, in any order.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);

/// The store of a node.
#[derive(Clone)]
pub enum Store {
    Embedded(Embedded),
    Redis(Redis),
}

impl Store {
    /// Opens the store that the settings choose.
    ///
    /// # Errors
    /// The data folder cannot be used, or no Redis server answers.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let (log, idempotency) = (settings.limits.log(), Duration::from_secs(settings.limits.idempotency_sec));
        match settings.store.kind {
            StoreKind::Embedded => {
                // The store is in this process, and so are its subscriptions.
                server_meters().subscription_up.set(1);
                Ok(Self::Embedded(Embedded::open(&settings.store.path, log, idempotency)?))
            }
            StoreKind::Redis => {
                let options = Options {
                    urls: settings.store.urls.iter().map(|url| url.expose().to_owned()).collect(),
                    sentinel_master: settings.store.sentinel_master.clone(),
                    timeout: settings.store.timeout,
                };
                let deadline = Instant::now() + PATIENCE;
                loop {
                    match Redis::open(&options, log.clone(), idempotency).await {
                        Ok(redis) => return Ok(Self::Redis(redis)),
                        Err(error @ OpenError::Away(_)) if Instant::now() < deadline => {
                            warn!(%error, "waiting for Redis");
                        }
                        Err(error) => return Err(error).context("store.url"),
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    pub fn ports(&self) -> Ports {
        match self {
            Self::Embedded(store) => store.ports(),
            Self::Redis(store) => store.ports(),
        }
    }

    /// Whether the store takes writes, and says what other nodes write.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.ping().await,
            Self::Redis(store) => store.ping().await,
        }
    }
}
