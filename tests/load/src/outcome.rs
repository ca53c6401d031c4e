//! What one run of a scenario measured: the one form that the engine fills and the tables, reports and comparisons read.
//!
//! Nothing here is judged or rounded. A child process hands it to its parent as JSON, so every field has a default and
//! an older outcome can still be read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one run of a scenario measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    /// `chat`, `idle`, `login`, `reconnect` or `heartbeat`.
    pub(crate) scenario: String,
    /// Length of the measured window.
    pub(crate) seconds: f64,
    /// What happened how often within the window: `published`, `delivered`, `logins`, `failures`, `recvs`, ...
    pub(crate) counts: BTreeMap<String, u64>,
    /// How long things took: `deliver`, `login`, `http`, `heartbeat`.
    pub(crate) latencies: BTreeMap<String, Latency>,
    /// One for each server process that was named, in their order.
    pub(crate) servers: Vec<ProcessUse>,
    /// The tool itself.
    pub(crate) own: ProcessUse,
    /// Socket memory of the machine, both ends of the connections, over that before the first of them.
    pub(crate) kernel_bytes: u64,
    /// For the plots.
    pub(crate) series: Vec<Second>,
}

/// How long something took, in microseconds, from the time at which it was due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// What a process used: CPU within the window, and resident bytes before the first player came and at the window's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ProcessUse {
    pub(crate) user_us: u64,
    pub(crate) system_us: u64,
    pub(crate) rss_before: u64,
    pub(crate) rss_after: u64,
}

/// One second of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Second {
    /// Seconds from the window's begin.
    pub(crate) at: u32,
    pub(crate) delivered: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

/// A thread that is busier may have been late itself.
const BUSY_PERCENT: u64 = 90;

impl Outcome {
    /// A count, 0 when it was not kept.
    pub(crate) fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// CPU of all named servers together.
    pub(crate) fn servers_cpu_us(&self) -> u64 {
        self.servers.iter().map(ProcessUse::cpu_us).sum()
    }

    /// Resident bytes that all named servers together took on since before the first player.
    pub(crate) fn servers_grew_bytes(&self) -> u64 {
        self.servers.iter().map(ProcessUse::grew_bytes).sum()
    }

    /// Whether the tool had so little time to spare that latencies are its own: its busiest thread was on a CPU, or
    /// waited for one, nearly all the time.
    pub(crate) fn is_tool_late(&self) -> bool {
        self.count("busiest_thread_percent") + self.count("busiest_thread_waited_percent") > BUSY_PERCENT
    }
}

impl ProcessUse {
    pub(crate) fn cpu_us(&self) -> u64 {
        self.user_us + self.system_us
    }

    pub(crate) fn grew_bytes(&self) -> u64 {
        self.rss_after.saturating_sub(self.rss_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_survives_its_way_through_json() {
        let window = ProcessUse { user_us: 3, system_us: 4, rss_before: 10, rss_after: 30 };
        let outcome = Outcome {
            scenario: "chat".to_owned(),
            seconds: 2.0,
            counts: BTreeMap::from([("delivered".to_owned(), 5)]),
            servers: vec![window, window],
            own: window,
            ..Outcome::default()
        };
        let text = serde_json::to_string(&outcome).expect("an outcome is JSON");
        assert_eq!(serde_json::from_str::<Outcome>(&text).expect("and JSON an outcome"), outcome);
        assert_eq!((outcome.count("delivered"), outcome.count("unknown")), (5, 0));
        assert_eq!((outcome.servers_cpu_us(), outcome.servers_grew_bytes()), (14, 40));
    }

    #[test]
    fn what_an_older_outcome_lacks_is_nothing() {
        let outcome: Outcome = serde_json::from_str(r#"{"scenario":"idle"}"#).expect("an outcome");
        assert_eq!((outcome.scenario.as_str(), outcome.is_tool_late()), ("idle", false));
    }
}
