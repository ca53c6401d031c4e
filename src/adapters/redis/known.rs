//! Names that this process has written to an index not long ago, so that it need not write them at every step.
//!
//! They are written again now and then: a failover may have lost the end of what was written.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a name is not written again.
const FRESH: Duration = Duration::from_secs(60);

/// See the module's text. As many as there are cafes, or games.
pub(super) struct Known<T>(Mutex<HashMap<T, Instant>>);

impl<T: Clone + Eq + Hash> Known<T> {
    pub(super) fn is_fresh(&self, name: &T) -> bool {
        self.0.lock().get(name).is_some_and(|written| written.elapsed() < FRESH)
    }

    pub(super) fn written(&self, name: &T) {
        self.0.lock().insert(name.clone(), Instant::now());
    }
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
