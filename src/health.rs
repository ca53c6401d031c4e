//! Whether the node should get traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use guildhall_actors::ports::StoreError;

/// Asks the store whether it takes writes.
type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + Sync>;

/// Shared by the probes, the edges and the drain.
#[derive(Clone)]
pub struct Health {
    store: Probe,
    draining: Arc<AtomicBool>,
}

impl Health {
    /// `store` answers whether the store takes writes.
    pub fn new<F>(store: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        Self { store: Arc::new(move || store().boxed()), draining: Arc::default() }
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
        (self.store)().await.map_err(|error| error.to_string())
    }
}
