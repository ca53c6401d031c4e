//! Numbers from outcomes: what is taken, how rounds are put together, what is allowed.

use serde::Serialize;

use crate::outcome::Outcome;
use crate::report::units::{bytes, micros, percent, plain};

/// One number of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    /// CPU of the servers for each of a count, in microseconds.
    CpuPer(&'static str),
    /// The 99th percentile of a latency, in microseconds.
    P99(&'static str),
    /// The first latency's p99 as a multiple of the second's.
    P99Over(&'static str, &'static str),
    /// Resident bytes that the servers took on, for each player.
    MemoryPerPlayer,
    /// The machine's memory for sockets, both ends, for each player.
    KernelPerPlayer,
    /// CPU of the servers for each player and second, in microseconds.
    IdleCpuPerPlayer,
    PerSecond(&'static str),
    Count(&'static str),
}

impl Measure {
    /// `None` when the run did not do what is measured.
    pub(super) fn of(self, outcome: &Outcome) -> Option<f64> {
        let each =
            |total: u64, count: &str| (outcome.count(count) > 0).then(|| total as f64 / outcome.count(count) as f64);
        let p99 = |name: &str| outcome.latencies.get(name).filter(|latency| latency.count > 0).map(|of| of.p99 as f64);
        match self {
            Self::CpuPer(count) => each(outcome.servers_cpu_us(), count),
            Self::P99(name) => p99(name),
            Self::P99Over(name, base) => Some(p99(name)? / p99(base)?),
            Self::MemoryPerPlayer => each(outcome.servers_grew_bytes(), "players"),
            Self::KernelPerPlayer => each(outcome.kernel_bytes, "players"),
            Self::IdleCpuPerPlayer => Some(each(outcome.servers_cpu_us(), "players")? / outcome.seconds),
            Self::PerSecond(count) => (outcome.count(count) > 0).then(|| outcome.count(count) as f64 / outcome.seconds),
            Self::Count(count) => Some(outcome.count(count) as f64),
        }
    }

    /// How its values are written.
    pub(super) fn unit(self) -> fn(f64) -> String {
        match self {
            Self::CpuPer(_) | Self::P99(_) | Self::IdleCpuPerPlayer => micros,
            Self::MemoryPerPlayer | Self::KernelPerPlayer => bytes,
            Self::P99Over(..) | Self::PerSecond(_) | Self::Count(_) => plain,
        }
    }

    pub(super) fn text(self, value: f64) -> String {
        self.unit()(value)
    }
}

/// What a row is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// The ratio of the first side to the second.
    RatioAtMost(f64),
    RatioAtLeast(f64),
    /// The ratio, this share more or less.
    RatioWithin(f64),
    /// The first side's own value.
    AtMost(f64),
    /// Shown only.
    None,
}

impl Bound {
    /// Whether the medians hold it; `None` when there is nothing to hold.
    pub(super) fn is_met(self, value: Option<f64>, ratio: Option<f64>) -> Option<bool> {
        match self {
            Self::RatioAtMost(most) => Some(ratio? <= most),
            Self::RatioAtLeast(least) => Some(ratio? >= least),
            Self::RatioWithin(share) => Some((ratio? - 1.0).abs() <= share),
            Self::AtMost(most) => Some(value? <= most),
            Self::None => None,
        }
    }

    pub(super) fn text(self, measure: Measure) -> String {
        match self {
            Self::RatioAtMost(most) => format!("<= {}", plain(most)),
            Self::RatioAtLeast(least) => format!(">= {}", plain(least)),
            Self::RatioWithin(share) => format!("1 +- {}", percent(share)),
            Self::AtMost(most) => format!("A <= {}", measure.text(most)),
            Self::None => "-".to_owned(),
        }
    }
}

/// The middle of some rounds, and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        Some(Self { median, least, most })
    }

    pub(super) fn text(self, unit: impl Fn(f64) -> String) -> String {
        format!("{} [{} - {}]", unit(self.median), unit(self.least), unit(self.most))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outcome::{Latency, ProcessUse};

    fn outcome() -> Outcome {
        let server = ProcessUse { user_us: 100, system_us: 300, rss_before: 1000, rss_after: 5000 };
        let latency = |p99| Latency { count: 1, p99, ..Latency::default() };
        Outcome {
            seconds: 2.0,
            counts: BTreeMap::from([("delivered".to_owned(), 200), ("players".to_owned(), 10)]),
            latencies: BTreeMap::from([("before".to_owned(), latency(20)), ("during".to_owned(), latency(50))]),
            servers: vec![server, server],
            kernel_bytes: 80,
            ..Outcome::default()
        }
    }

    #[test]
    fn each_measure_takes_its_number() {
        let of = |measure: Measure| measure.of(&outcome());
        assert_eq!(of(Measure::CpuPer("delivered")), Some(4.0));
        assert_eq!(of(Measure::CpuPer("logins")), None);
        assert_eq!([of(Measure::P99("during")), of(Measure::P99("unknown"))], [Some(50.0), None]);
        assert_eq!(of(Measure::P99Over("during", "before")), Some(2.5));
        assert_eq!([of(Measure::MemoryPerPlayer), of(Measure::KernelPerPlayer)], [Some(800.0), Some(8.0)]);
        assert_eq!(of(Measure::IdleCpuPerPlayer), Some(40.0));
        assert_eq!([of(Measure::PerSecond("delivered")), of(Measure::Count("failures"))], [Some(100.0), Some(0.0)]);
    }

    #[test]
    fn the_median_of_an_even_number_is_between_the_two_in_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, least: 1.0, most: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]).map(|spread| spread.median), Some(2.5));
        assert_eq!(spread(&[]), None);
    }

    #[test]
    fn a_bound_is_met_or_missed_or_not_measured() {
        assert_eq!(Bound::RatioAtMost(1.05).is_met(None, Some(1.05)), Some(true));
        assert_eq!(Bound::RatioAtLeast(0.8).is_met(None, Some(0.79)), Some(false));
        assert_eq!(
            [0.79, 0.81, 1.2].map(|ratio| Bound::RatioWithin(0.2).is_met(None, Some(ratio))),
            [false, true, true].map(Some)
        );
        assert_eq!(Bound::AtMost(4096.0).is_met(Some(5000.0), Some(0.1)), Some(false));
        assert_eq!([Bound::AtMost(1.0), Bound::None].map(|bound| bound.is_met(None, Some(1.0))), [None, None]);
    }
}
