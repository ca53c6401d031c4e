//! Token buckets by key: callers over their rate are refused, and callers that went quiet are forgotten.

use std::hash::Hash;

use foldhash::HashMap;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::metrics::{RateLimit, meters};
use guildhall_actors::rate::{Rate, TokenBucket};
use parking_lot::Mutex;

/// Keys at which quiet ones are first looked for.
const FIRST_SWEEP: usize = 1024;

/// See the module's text. Holds about as many keys as were active within one refill.
pub struct RateLimiter<K> {
    limit: RateLimit,
    rate: Rate,
    state: Mutex<State<K>>,
}

struct State<K> {
    buckets: HashMap<K, TokenBucket>,
    sweep_at: usize,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// `limit` is what its refusals are counted as.
    pub fn new(limit: RateLimit, per_sec: u32, burst: u32) -> Self {
        let state = State { buckets: HashMap::default(), sweep_at: FIRST_SWEEP };
        Self { limit, rate: Rate { per_sec, burst }, state: Mutex::new(state) }
    }

    /// Whether [`Self::allow`] would refuse this caller now.
    pub fn is_exhausted(&self, key: &K, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        self.count(state.buckets.get_mut(key).is_some_and(|bucket| bucket.is_empty(self.rate, now)))
    }

    /// Whether one more request of this caller fits its rate.
    pub fn allow(&self, key: K, now: Timestamp) -> bool {
        let mut state = self.state.lock();
        if state.buckets.len() >= state.sweep_at {
            state.buckets.retain(|_, bucket| !bucket.is_full(self.rate, now));
            state.sweep_at = (2 * state.buckets.len()).max(FIRST_SWEEP);
        }
        let fits = state.buckets.entry(key).or_insert_with(|| TokenBucket::full(self.rate, now)).take(self.rate, now);
        !self.count(!fits)
    }

    fn count(&self, is_refused: bool) -> bool {
        if is_refused {
            meters().rate_limited.of((self.limit,)).increment(1);
        }
        is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_share_tokens_and_quiet_ones_are_forgotten() {
        let limiter = RateLimiter::new(RateLimit::Calls, 1, 2);
        let allowed = |key, now| (0..5).filter(|_| limiter.allow(key, Timestamp(now))).count();
        assert_eq!((allowed(1, 0), allowed(2, 0)), (2, 2));
        for key in 0..10_000 {
            limiter.allow(key, Timestamp(i64::from(key) * 10_000));
        }
        assert!(limiter.state.lock().buckets.len() <= FIRST_SWEEP);
    }
}
