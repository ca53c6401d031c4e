//! What a fault did to the nodes, by their own metrics: a fault that did no damage shows nothing.

use std::collections::BTreeMap;
use std::fmt;

use crate::support::Node;
use crate::support::scrape::Scrape;

/// Counters that grow under a fault.
pub(super) const LEASES_LOST: &str = "guildhall_leases_lost_total";
pub(super) const RENEWAL_FAILURES: &str = "guildhall_lease_renewal_failures_total";
pub(super) const RECOVERED: &str = "guildhall_dead_nodes_recovered_total";
pub(super) const RESUBSCRIPTIONS: &str = "guildhall_resubscriptions_total";
pub(super) const LOG_READS: &str = "guildhall_log_reads_total";
pub(super) const HEALED: &str = "guildhall_events_healed_total";
pub(super) const STORE_ERRORS: &str = "guildhall_store_errors_total";

/// The nodes' metrics at one moment, each with its process.
pub(super) struct Scrapes(Vec<(u32, Scrape)>);

/// What has grown over all nodes.
#[derive(Debug, Default)]
pub(super) struct Damage(BTreeMap<String, u64>);

impl Scrapes {
    pub(super) async fn take(node: &mut Node) -> Self {
        let mut scrapes = Vec::new();
        for node in &node.cluster().nodes {
            scrapes.push((node.pid(), Scrape::of(node).await));
        }
        Self(scrapes)
    }

    /// Since earlier ones. A process that is new since then began at 0.
    pub(super) fn damage_since(&self, earlier: &Self) -> Damage {
        let mut damage = Damage::default();
        for ((process, now), (process_before, before)) in self.0.iter().zip(&earlier.0) {
            for (series, value) in &now.samples {
                let before = before.samples.get(series).filter(|_| process == process_before).unwrap_or(&0.0);
                let growth = (value - before).max(0.0);
                // Counters are whole numbers.
                *damage.0.entry(series.name.clone()).or_default() += growth.round() as u64;
            }
        }
        damage
    }
}

impl Damage {
    pub(super) fn of(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("{name} is a metric"))
    }
}

impl fmt::Display for Damage {
    /// The columns of the table of faults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = [LEASES_LOST, RECOVERED, RESUBSCRIPTIONS, LOG_READS, HEALED];
        write!(f, "{}", columns.map(|name| self.of(name).to_string()).join(" | "))
    }
}
