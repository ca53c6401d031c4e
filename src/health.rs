//! Whether the node should get traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::adapters::embedded::Embedded;

/// Shared by the probes, the edges and the drain.
#[derive(Clone)]
pub struct Health {
    store: Embedded,
    draining: Arc<AtomicBool>,
}

impl Health {
    pub fn new(store: Embedded) -> Self {
        Self { store, draining: Arc::default() }
    }

    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// # Errors
    /// Why the node should not get traffic.
    pub async fn check(&self) -> Result<(), String> {
        if self.is_draining() {
            return Err("draining".into());
        }
        self.store.ping().await.map_err(|error| error.to_string())
    }
}
