//! What a thread of players shows of itself while it works.

use std::iter::Sum;
use std::ops::{AddAssign, Sub};
use std::sync::OnceLock;

use parking_lot::Mutex;

/// What is counted all the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) published: u64,
    /// The members of their channels when they were published.
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    /// Notifications that are no messages of this tool: who entered, who left.
    pub(crate) notices: u64,
    /// HTTP requests at fixed times that were answered well.
    pub(crate) answered: u64,
    /// Reads of players' sockets that brought something.
    pub(crate) recvs: u64,
    pub(crate) received_bytes: u64,
}

/// How things stand.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sight {
    /// Players who are where they belong.
    pub(crate) present: u64,
    /// How often somebody came in.
    pub(crate) arrived: u64,
    /// How often somebody was refused, closed or lost.
    pub(crate) failed: u64,
    /// HTTP requests that are not answered yet.
    pub(crate) calls: u64,
    /// Of the messages of the last second; of several threads, the slowest one's.
    pub(crate) p99_us: u64,
    pub(crate) counts: Counts,
}

/// The window through which others see a thread.
#[derive(Default)]
pub(crate) struct Shown {
    pub(super) sight: Mutex<Sight>,
    /// Why the first player failed.
    pub(super) failure: OnceLock<String>,
}

impl Sight {
    /// Arrivals that have succeeded or failed.
    pub(crate) fn through(&self) -> u64 {
        self.arrived + self.failed
    }

    /// Whether nothing that was begun is still under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.calls == 0 && self.counts.delivered >= self.counts.expected
    }

    /// Whether something that was begun has come to its end since then.
    pub(crate) fn has_moved_since(&self, earlier: &Self) -> bool {
        self.calls != earlier.calls || self.counts.delivered != earlier.counts.delivered
    }
}

impl Sum for Sight {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.present += one.present;
            sum.arrived += one.arrived;
            sum.failed += one.failed;
            sum.calls += one.calls;
            sum.p99_us = sum.p99_us.max(one.p99_us);
            sum.counts += one.counts;
            sum
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.published += other.published;
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.notices += other.notices;
        self.answered += other.answered;
        self.recvs += other.recvs;
        self.received_bytes += other.received_bytes;
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            published: self.published - earlier.published,
            expected: self.expected - earlier.expected,
            delivered: self.delivered - earlier.delivered,
            notices: self.notices - earlier.notices,
            answered: self.answered - earlier.answered,
            recvs: self.recvs - earlier.recvs,
            received_bytes: self.received_bytes - earlier.received_bytes,
        }
    }
}
