//! What a thread has seen: counts and latencies, by phases of the run.
//!
//! A phase begins at a point in time. Deliveries are counted in the phase in which they arrive, because that is when
//! the server's CPU went into them. Their latencies belong to the phase in which their message was due: one of the
//! warm-up that arrives late is not in the measurement, and one of the measurement is, however late.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::sight::Counts;
use crate::clock::{Account, SECOND, now};
use crate::outcome;

/// Latencies above a minute count as a minute.
const LONGEST_US: u64 = 60_000_000;

/// A phase of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) name: &'static str,
    pub(crate) begin: u64,
}

/// What a thread has seen.
pub(crate) struct Tally {
    /// In order of their begins.
    phases: Vec<Phase>,
    /// How often something went wrong, and what.
    pub(crate) failures: BTreeMap<String, u64>,
    /// The phase in which the thread is, and its account at the begin of it.
    current: usize,
    account: Account,
}

/// What was seen in one phase.
pub(crate) struct Phase {
    mark: Mark,
    pub(crate) counts: Counts,
    /// Of what is not a delivery, by name.
    latencies: BTreeMap<&'static str, Latencies>,
    seconds: Vec<Second>,
    /// Of each thread.
    pub(crate) accounts: Vec<Account>,
}

/// One second of a phase: what arrived in it, and how late was what was due in it.
#[derive(Default)]
struct Second {
    delivered: u64,
    late: Latencies,
}

/// Latencies in microseconds, within one in a hundred: 10 KiB for each second of a run. No memory until the first.
#[derive(Default)]
pub(crate) struct Latencies(Option<Histogram<u32>>);

impl Tally {
    pub(crate) fn new() -> Self {
        let arriving = Phase::new(Mark { name: "arriving", begin: now() });
        Self { phases: vec![arriving], failures: BTreeMap::new(), current: 0, account: Account::of_this_thread() }
    }

    /// A phase will begin, or has just begun.
    pub(crate) fn mark(&mut self, mark: Mark) {
        self.phases.push(Phase::new(mark));
    }

    /// To be called now and then: ascribes what the thread used to the phase in which it did.
    pub(crate) fn pass(&mut self, now: u64) {
        while self.phases.get(self.current + 1).is_some_and(|next| next.mark.begin <= now) {
            self.charge();
            self.current += 1;
        }
    }

    fn charge(&mut self) {
        let account = Account::of_this_thread();
        self.phases[self.current].accounts.push(account - self.account);
        self.account = account;
    }

    /// The phase of a point in time.
    fn at(&mut self, time: u64) -> &mut Phase {
        let index = self.phases.iter().rposition(|phase| phase.mark.begin <= time).unwrap_or_default();
        &mut self.phases[index]
    }

    pub(crate) fn read(&mut self, now: u64, bytes: usize) {
        let counts = &mut self.at(now).counts;
        counts.recvs += u64::from(bytes > 0);
        counts.received_bytes += bytes as u64;
    }

    /// A message that was due at `due` is on its way to so many members.
    pub(crate) fn published(&mut self, due: u64, members: u64) {
        let counts = &mut self.at(due).counts;
        counts.published += 1;
        counts.expected += members;
    }

    pub(crate) fn noticed(&mut self, now: u64) {
        self.at(now).counts.notices += 1;
    }

    /// A message that was due at `due` has arrived at a recipient.
    pub(crate) fn delivered(&mut self, due: u64, now: u64) {
        let phase = self.at(now);
        phase.counts.delivered += 1;
        phase.second(now).delivered += 1;
        self.at(due).second(due).late.record(now.saturating_sub(due));
    }

    /// An HTTP request that was due at `due` was answered well.
    pub(crate) fn answered(&mut self, name: &'static str, due: u64, now: u64) {
        self.at(now).counts.answered += 1;
        self.done(name, due, now);
    }

    /// Something else that was due at `due` is done.
    pub(crate) fn done(&mut self, name: &'static str, due: u64, now: u64) {
        self.at(due).latencies.entry(name).or_default().record(now.saturating_sub(due));
    }

    pub(crate) fn failed(&mut self, reason: &str) {
        *self.failures.entry(reason.to_owned()).or_default() += 1;
    }

    /// p99 of the messages that were due in the second before `now`, in microseconds.
    pub(crate) fn last_p99(&mut self, now: u64) -> u64 {
        let due = now.saturating_sub(SECOND);
        let phase = self.at(due);
        let second = phase.seconds.get(phase.index(due));
        second.map_or(0, |second| second.late.summary().p99)
    }

    /// Of all phases.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.phases.iter().for_each(|phase| total += phase.counts);
        total
    }

    /// Adds what another thread has seen.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (reason, times) in other.failures {
            *self.failures.entry(reason).or_default() += times;
        }
        for theirs in other.phases {
            match self.phases.iter_mut().find(|ours| ours.mark.name == theirs.mark.name) {
                Some(ours) => ours.absorb(theirs),
                None => self.phases.push(theirs),
            }
        }
        self.phases.sort_by_key(|phase| phase.mark.begin);
    }

    /// The last thing a thread does with it.
    pub(crate) fn finish(mut self) -> Self {
        self.charge();
        self
    }

    /// A phase by its name.
    pub(crate) fn phase(&self, name: &str) -> Option<&Phase> {
        self.phases.iter().find(|phase| phase.mark.name == name)
    }
}

impl Phase {
    fn new(mark: Mark) -> Self {
        Self { mark, counts: Counts::default(), latencies: BTreeMap::new(), seconds: Vec::new(), accounts: Vec::new() }
    }

    fn index(&self, time: u64) -> usize {
        usize::try_from(time.saturating_sub(self.mark.begin) / SECOND).expect("seconds of a run fit")
    }

    fn second(&mut self, time: u64) -> &mut Second {
        let index = self.index(time);
        if index >= self.seconds.len() {
            self.seconds.resize_with(index + 1, Second::default);
        }
        &mut self.seconds[index]
    }

    fn absorb(&mut self, other: Self) {
        self.counts += other.counts;
        self.accounts.extend(other.accounts);
        for (name, latencies) in other.latencies {
            self.latencies.entry(name).or_default().add(&latencies);
        }
        self.seconds.resize_with(self.seconds.len().max(other.seconds.len()), Second::default);
        for (ours, theirs) in self.seconds.iter_mut().zip(other.seconds) {
            ours.delivered += theirs.delivered;
            ours.late.add(&theirs.late);
        }
    }

    /// How late the messages of this phase were.
    pub(crate) fn deliveries(&self) -> outcome::Latency {
        let mut all = Latencies::default();
        self.seconds.iter().for_each(|second| all.add(&second.late));
        all.summary()
    }

    /// Of what is not a delivery.
    pub(crate) fn latencies(&self) -> impl Iterator<Item = (&'static str, outcome::Latency)> {
        self.latencies.iter().map(|(name, latencies)| (*name, latencies.summary()))
    }

    /// Second by second.
    pub(crate) fn series(&self) -> Vec<outcome::Second> {
        let second = |(at, second): (u32, &Second)| {
            let late = second.late.summary();
            outcome::Second { at, delivered: second.delivered, p50: late.p50, p99: late.p99 }
        };
        (0..).zip(&self.seconds).map(second).collect()
    }
}

impl Latencies {
    /// Takes nanoseconds.
    fn record(&mut self, late: u64) {
        let new = || Histogram::new_with_bounds(1, LONGEST_US, 2).expect("bounds and precision are in range");
        self.0.get_or_insert_with(new).saturating_record(late / 1000);
    }

    fn add(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(ours), Some(theirs)) => ours.add(theirs).expect("all have the same bounds"),
            (ours @ None, theirs) => ours.clone_from(theirs),
            (Some(_), None) => {}
        }
    }

    fn summary(&self) -> outcome::Latency {
        let Some(all) = &self.0 else { return outcome::Latency::default() };
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|quantile| all.value_at_quantile(quantile));
        outcome::Latency { count: all.len(), p50, p90, p99, p999, max: all.max() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn measured() -> Tally {
        let mut tally = Tally::new();
        tally.phases.clear();
        tally.mark(Mark { name: "arriving", begin: 0 });
        tally.mark(Mark { name: "warmup", begin: 10 * SECOND });
        tally.mark(Mark { name: "measured", begin: 20 * SECOND });
        tally.mark(Mark { name: "after", begin: 22 * SECOND });
        tally
    }

    #[test]
    fn an_arrival_counts_when_it_comes_and_is_late_since_it_was_due() {
        let mut tally = measured();
        tally.delivered(20 * SECOND - MS, 20 * SECOND + MS);
        tally.delivered(22 * SECOND - MS, 22 * SECOND + MS);
        let phase = tally.phase("measured").expect("it was marked");
        assert_eq!(phase.counts.delivered, 1, "the first one arrived in it");
        let late = phase.deliveries();
        assert_eq!((late.count, late.p50.abs_diff(2000) < 20), (1, true), "the second one was due in it: {late:?}");
    }

    #[test]
    fn seconds_are_told_apart() {
        let mut tally = measured();
        tally.delivered(20 * SECOND, 20 * SECOND + 3 * MS);
        tally.delivered(21 * SECOND, 21 * SECOND + 5 * MS);
        tally.delivered(21 * SECOND, 21 * SECOND + 7 * MS);
        let series = tally.phase("measured").expect("it was marked").series();
        let seconds: Vec<_> = series.iter().map(|second| (second.at, second.delivered, second.p99 / 1000)).collect();
        assert_eq!(seconds, [(0, 1, 3), (1, 2, 7)]);
    }

    #[test]
    fn threads_add_up() {
        let (mut one, mut other) = (measured(), measured());
        one.done("login", 20 * SECOND, 20 * SECOND + MS);
        other.done("login", 21 * SECOND, 21 * SECOND + 9 * MS);
        other.published(21 * SECOND, 3);
        other.failed("closed 4001");
        one.absorb(other);
        let phase = one.phase("measured").expect("it was marked");
        let latencies: BTreeMap<_, _> = phase.latencies().collect();
        assert_eq!((phase.counts.published, latencies["login"].count, latencies["login"].max / 1000), (1, 2, 9));
        assert_eq!(one.failures["closed 4001"], 1);
    }
}
