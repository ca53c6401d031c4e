//! The line that shows how a run goes: each second over the same line on a terminal, else one every five seconds.

use std::io::{IsTerminal, Write};

use crate::clock::{SECOND, now};
use crate::engine::sight::Sight;

/// Shows progress on standard error, so that standard output has the results only.
pub(crate) struct Progress {
    terminal: bool,
    begin: u64,
    next: u64,
    last: (u64, Sight),
    shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let (terminal, begin) = (std::io::stderr().is_terminal(), now());
        Self { terminal, begin, next: begin + SECOND, last: (begin, Sight::default()), shown: false }
    }

    /// Shows what is going on, if it is time to.
    pub(crate) fn show(&mut self, what: &str, sight: &Sight) {
        let now = now();
        if now < self.next {
            return;
        }
        let line = self.line(what, sight, now);
        if self.terminal {
            // Clears what a longer line has left.
            eprint!("\r{line}\x1b[K");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
        self.next = now + if self.terminal { SECOND } else { 5 * SECOND };
        (self.last, self.shown) = ((now, *sight), true);
    }

    fn line(&self, what: &str, sight: &Sight, now: u64) -> String {
        let (then, before) = &self.last;
        let seconds = (now - then) as f64 / SECOND as f64;
        let rate = |now: u64, before: u64| (now - before) as f64 / seconds;
        format!(
            "{:4} s  {what:<9} {} there  {:.0} published/s  {:.0} delivered/s  p99 {:.1} ms  {} failures",
            (now - self.begin) / SECOND,
            sight.present,
            rate(sight.counts.published, before.counts.published),
            rate(sight.counts.delivered, before.counts.delivered),
            sight.p99_us as f64 / 1000.0,
            sight.failed
        )
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal && self.shown {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sight::Counts;

    #[test]
    fn rates_are_of_the_time_since_the_last_line() {
        let mut progress = Progress::new();
        let counts = |published, delivered| Counts { published, delivered, ..Counts::default() };
        progress.last.1 = Sight { counts: counts(10, 100), ..Sight::default() };
        let sight = Sight { present: 7, failed: 1, p99_us: 1500, counts: counts(30, 300), ..Sight::default() };
        let line = progress.line("measured", &sight, progress.begin + 2 * SECOND);
        let told = "2 s  measured  7 there  10 published/s  100 delivered/s  p99 1.5 ms  1 failures";
        assert_eq!(line.trim_start(), told);
    }
}
