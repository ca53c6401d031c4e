//! A token bucket as a pure rule: handed `now`, so that limits are tested without waiting.

use crate::clock::Timestamp;

/// How fast a bucket refills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub per_sec: u32,
    pub burst: u32,
}

/// Tokens left, in thousandths, so that a refill of one per second counts every millisecond.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    millitokens: u64,
    refilled_at: Timestamp,
}

impl TokenBucket {
    /// A full bucket.
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self { millitokens: u64::from(rate.burst) * 1000, refilled_at: now }
    }

    /// Takes one token if there is one.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.refill(rate, now);
        let taken = self.millitokens.checked_sub(1000);
        self.millitokens = taken.unwrap_or(self.millitokens);
        taken.is_some()
    }

    /// Whether the bucket has nothing to remember.
    pub fn is_full(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.refill(rate, now);
        self.millitokens == u64::from(rate.burst) * 1000
    }

    /// Whether there is no token to take.
    pub fn is_empty(&mut self, rate: Rate, now: Timestamp) -> bool {
        self.refill(rate, now);
        self.millitokens < 1000
    }

    fn refill(&mut self, rate: Rate, now: Timestamp) {
        let elapsed_ms = u64::try_from(now.since(self.refilled_at).as_millis()).unwrap_or(u64::MAX);
        let gained = elapsed_ms.saturating_mul(u64::from(rate.per_sec));
        self.millitokens = self.millitokens.saturating_add(gained).min(u64::from(rate.burst) * 1000);
        // A clock that was set back must not stop the refill.
        self.refilled_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_sec: 10, burst: 20 };

    fn taken(bucket: &mut TokenBucket, now: Timestamp) -> usize {
        (0..100).filter(|_| bucket.take(RATE, now)).count()
    }

    #[test]
    fn a_burst_passes_then_the_steady_rate() {
        let mut bucket = TokenBucket::full(RATE, Timestamp(0));
        assert_eq!(taken(&mut bucket, Timestamp(0)), 20);
        assert_eq!(taken(&mut bucket, Timestamp(99)), 0);
        assert_eq!(taken(&mut bucket, Timestamp(1_000)), 10);
        assert_eq!(taken(&mut bucket, Timestamp(60_000)), 20);
    }

    #[test]
    fn a_clock_set_back_neither_gives_nor_freezes_tokens() {
        let mut bucket = TokenBucket::full(RATE, Timestamp(10_000));
        assert_eq!(taken(&mut bucket, Timestamp(10_000)), 20);
        assert_eq!(taken(&mut bucket, Timestamp(0)), 0);
        assert_eq!(taken(&mut bucket, Timestamp(100)), 1);
    }
}
