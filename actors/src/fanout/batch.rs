//! Events on their way to a channel's members.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Encoded;

/// Events that may wait in one batch; beyond, they wait at the channel.
const MAX_EVENTS: usize = 256;

/// Events that each member gets in one write. More may join until the first thread hands them out: the longer a busy
/// thread lets them wait, the fewer writes they need.
pub struct Batch {
    /// `None` once nothing may join.
    open: Mutex<Option<Vec<Arc<Encoded>>>>,
    closed: OnceLock<Vec<Arc<Encoded>>>,
}

impl Batch {
    pub fn new(events: Vec<Arc<Encoded>>) -> Arc<Self> {
        Arc::new(Self { open: Mutex::new(Some(events)), closed: OnceLock::new() })
    }

    /// Adds what `more` gives, if it may still join; otherwise `more` is not called.
    pub fn join(&self, more: impl FnOnce() -> Vec<Arc<Encoded>>) {
        let mut open = self.open.lock();
        if let Some(events) = open.as_mut().filter(|events| events.len() < MAX_EVENTS) {
            events.extend(more());
        }
    }

    /// Closes it; the same events for all threads.
    pub fn events(&self) -> &[Arc<Encoded>] {
        self.closed.get_or_init(|| self.open.lock().take().unwrap_or_default())
    }
}
