//! When the next of many evenly spaced things is due, and the timer that wakes a thread for it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::clock::{SECOND, timespec};

/// Evenly spaced times from a begin until an end, fixed beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    begin: u64,
    end: u64,
    /// Nanoseconds; a fraction, so that rounding does not add up.
    interval: f64,
    taken: u64,
}

impl Schedule {
    /// `per_second` times in each second of `begin..end`; none at all when that is 0.
    pub(crate) fn new(per_second: f64, begin: u64, end: u64) -> Self {
        let end = if per_second > 0.0 { end } else { begin };
        Self { begin, end, interval: SECOND as f64 / per_second, taken: 0 }
    }

    /// The part of it that the thread `index` of `count` takes: every so many-th.
    pub(crate) fn part(&self, index: usize, count: usize) -> Self {
        let begin = self.begin + (self.interval * index as f64) as u64;
        Self { begin, interval: self.interval * count as f64, ..self.clone() }
    }

    /// The next time, if there is one.
    pub(crate) fn due(&self) -> Option<u64> {
        let due = self.begin + (self.taken as f64 * self.interval) as u64;
        (due < self.end).then_some(due)
    }

    /// Takes the next time when it has come.
    pub(crate) fn take(&mut self, now: u64) -> Option<u64> {
        let due = self.due().filter(|due| *due <= now)?;
        self.taken += 1;
        Some(due)
    }
}

/// Wakes an epoll loop at a point in time. The timeout of the loop itself is in whole milliseconds, too coarse here.
pub(crate) struct Timer {
    fd: OwnedFd,
    armed: Option<u64>,
}

impl Timer {
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let fd = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { fd, armed: None })
    }

    /// Wakes at `due`, and no more at the time that was set before.
    pub(crate) fn set(&mut self, due: Option<u64>) -> io::Result<()> {
        if self.armed != due {
            let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
            // A value of zero disarms it.
            let time = Itimerspec { it_interval: zero, it_value: due.map_or(zero, timespec) };
            timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &time)?;
            self.armed = due;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut schedule: Schedule) -> Vec<u64> {
        std::iter::from_fn(|| schedule.take(u64::MAX)).collect()
    }

    #[test]
    fn times_are_even_and_never_drift() {
        assert_eq!(all(Schedule::new(0.0, 100, 10 * SECOND)).len(), 0);
        let times = all(Schedule::new(3.0, 100, 100 + 10 * SECOND));
        assert_eq!(times.len(), 30);
        assert_eq!((times[0], times[3], times[27]), (100, 100 + SECOND, 100 + 9 * SECOND));
    }

    #[test]
    fn a_time_is_taken_once_and_not_before_it_has_come() {
        let mut schedule = Schedule::new(10.0, SECOND, 2 * SECOND);
        assert_eq!(schedule.take(SECOND - 1), None);
        assert_eq!(schedule.take(SECOND + 1), Some(SECOND));
        assert_eq!(schedule.take(SECOND + 1), None);
        assert_eq!(all(schedule).len(), 9, "none after the end");
    }

    #[test]
    fn the_parts_of_a_schedule_are_the_whole() {
        let whole = Schedule::new(7.0, 0, 3 * SECOND);
        let mut parts: Vec<u64> = (0..3).flat_map(|index| all(whole.part(index, 3))).collect();
        parts.sort_unstable();
        let whole = all(whole);
        assert_eq!(parts.len(), whole.len());
        assert!(parts.iter().zip(&whole).all(|(part, whole)| part.abs_diff(*whole) <= 2));
    }
}
