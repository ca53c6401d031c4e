//! Chance that can be repeated: a failing test prints its seed, and `GUILDHALL_SEED` brings it back.

use std::env;
use std::io::Write;

use rand::SeedableRng;
use rand::rngs::StdRng;

/// Prints its number when the test fails.
pub(crate) struct Seed {
    number: u64,
}

impl Seed {
    /// The seed of `GUILDHALL_SEED`, or a fresh one.
    pub(crate) fn pick() -> Self {
        let given = env::var("GUILDHALL_SEED").ok();
        Self { number: given.map_or_else(rand::random, |text| text.parse().expect("GUILDHALL_SEED is a number")) }
    }

    /// A generator for one part of the test: parts do not share their numbers.
    pub(crate) fn generator(&self, part: u64) -> StdRng {
        StdRng::seed_from_u64(self.number.wrapping_add(part.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "again with: GUILDHALL_SEED={}", self.number);
        }
    }
}

/// How much a test does: the number in an environment variable, or `short`.
pub(crate) fn amount(variable: &str, short: usize) -> usize {
    env::var(variable).map_or(short, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}
