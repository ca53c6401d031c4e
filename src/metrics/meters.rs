//! The server's handles, and the one way to use each.

use std::sync::LazyLock;
use std::time::Instant;

use guildhall_actors::metrics::{Family, StoreOperation, StorePort};
use metrics::{Counter, Gauge, Histogram, counter, gauge};

use super::labels::{HeartbeatOutcome, UpgradeOutcome, WebhookOutcome, WebhookSource};
use super::names;

/// What the server itself counts and measures; what each means stands in the table.
pub struct ServerMeters {
    pub ready: Gauge,
    pub socket_upgrades: Family<(UpgradeOutcome,), Counter>,
    pub heartbeats: Family<(HeartbeatOutcome,), Counter>,
    pub webhooks: Family<(WebhookSource, WebhookOutcome), Counter>,
    pub subscription_up: Gauge,
    pub resubscriptions: Counter,
    store_calls: Family<(StorePort, StoreOperation), Histogram>,
    store_errors: Family<(StorePort, StoreOperation), Counter>,
}

/// The handles of this process; made by the first call.
pub fn server_meters() -> &'static ServerMeters {
    static METERS: LazyLock<ServerMeters> = LazyLock::new(ServerMeters::new);
    &METERS
}

impl ServerMeters {
    fn new() -> Self {
        gauge!(names::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1);
        Self {
            ready: gauge!(names::READY),
            socket_upgrades: Family::counters(names::SOCKET_UPGRADES),
            heartbeats: Family::counters(names::HEARTBEATS),
            webhooks: Family::counters(names::WEBHOOKS),
            subscription_up: gauge!(names::SUBSCRIPTION_UP),
            resubscriptions: counter!(names::RESUBSCRIPTIONS),
            store_calls: Family::histograms(names::STORE_CALL),
            store_errors: Family::counters(names::STORE_ERRORS),
        }
    }

    /// A call to the store has been answered; `failed` when it was the store that failed, not a rule that refused.
    pub fn store_call(&self, port: StorePort, operation: StoreOperation, started: Instant, failed: bool) {
        self.store_calls.of((port, operation)).record(started.elapsed());
        if failed {
            self.store_errors.of((port, operation)).increment(1);
        }
    }
}
