//! What Prometheus is told: every metric in one table, and how it gets to `GET /metrics`.
//!
//! The game counts by itself (`guildhall_actors::metrics`); here are the recorder, the server's own meters, and the
//! process as the operating system sees it.

mod http;
mod labels;
mod meters;
mod names;
mod process;
mod table;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

pub use http::measure as measure_http;
pub use labels::{HeartbeatOutcome, UpgradeOutcome, WebhookOutcome, WebhookSource};
pub use meters::{ServerMeters, server_meters};
pub use table::{Kind, METRICS, Metric, Values, markdown_table};

/// Seconds: from a call that finds everything in memory to one that nobody waits for any more.
const BUCKETS: [f64; 17] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The format of [`Exposition::render`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What has been counted and measured since the node started. Cheap to clone.
#[derive(Clone)]
pub struct Exposition(PrometheusHandle);

/// Begins to count and to measure, once in a process and before anything else is started.
///
/// # Errors
/// It had begun.
pub fn install() -> Result<Exposition, BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    process::start();
    table::describe();
    guildhall_actors::metrics::meters();
    server_meters();
    Ok(Exposition(handle))
}

impl Exposition {
    /// The text format. Reads files of the operating system, so it runs on a thread that may block.
    pub fn render(&self) -> String {
        let mut text = self.0.render();
        process::append(&mut text);
        text
    }

    /// Sums up what the histograms were told; without it, every single measurement is kept until the next scrape.
    pub fn sum_up(&self) {
        self.0.run_upkeep();
    }
}
