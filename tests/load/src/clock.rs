//! Time as nanoseconds of the machine's monotonic clock: the same for all processes on it, which an `Instant` is not.

use std::fs;
use std::ops::Sub;

use rustix::time::{ClockId, Timespec, clock_gettime};

pub(crate) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// What the scheduler has given to a thread, and what it has kept from it, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// On a CPU.
    pub(crate) ran: u64,
    /// Ready, while others had the CPU: this adds to every latency that the thread measures.
    pub(crate) waited: u64,
}

impl Account {
    /// Of this thread, since its begin. Zero where the kernel keeps none (`CONFIG_SCHED_INFO`).
    pub(crate) fn of_this_thread() -> Self {
        Self::parse(&fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default()).unwrap_or_default()
    }

    fn parse(schedstat: &str) -> Option<Self> {
        let mut numbers = schedstat.split_whitespace().map_while(|number| number.parse().ok());
        Some(Self { ran: numbers.next()?, waited: numbers.next()? })
    }
}

impl Sub for Account {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { ran: self.ran.saturating_sub(earlier.ran), waited: self.waited.saturating_sub(earlier.waited) }
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}

/// The other way, for timers.
pub(crate) fn timespec(at: u64) -> Timespec {
    Timespec { tv_sec: (at / SECOND).cast_signed(), tv_nsec: (at % SECOND).cast_signed() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_first_two_numbers_of_its_line() {
        assert_eq!(Account::parse("2815000 77115 12\n"), Some(Account { ran: 2_815_000, waited: 77_115 }));
        assert_eq!(Account::parse(""), None);
    }
}
