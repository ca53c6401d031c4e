//! Waiting for a state that announces itself to nobody.

use std::time::Duration;

use tokio::time::Instant;

use super::WAIT;

/// Short enough to add no time worth noticing to a test, long enough to leave the server its CPU.
const POLL: Duration = Duration::from_millis(10);

/// Asks `probe` until it answers `Some`, and fails the test with `what` after [`WAIT`].
pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + WAIT;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {WAIT:?} in vain: {what}");
        tokio::time::sleep(POLL).await;
    }
}
