//! Random histories: many, short, each repeatable by its seed.
//!
//! `GUILDHALL_HISTORIES` says how many; `GUILDHALL_SEED` lives through that one alone.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use super::world::World;

const HISTORIES: u64 = 100_000;
/// Calls of the callers in one history, beside the sweeps at its end.
const CALLS: usize = 40;

/// Everything a history may see. A generator that misses one of them tests nothing of it.
const TO_BE_SEEN: [&str; 37] = [
    "token issued",
    "token not chargeable",
    "launcher: wrong token",
    "launcher: ended",
    "launcher hears of exhaustion",
    "launcher sees play",
    "launcher sees no play",
    "launcher ended",
    "verify: valid",
    "verify: expired",
    "verify: used",
    "verify: other game",
    "verify: suspended",
    "verify: not chargeable",
    "heartbeat: ok",
    "heartbeat: exhausted",
    "heartbeat: replaced",
    "heartbeat: not found",
    "heartbeat: ended",
    "check: ok",
    "check: not found",
    "check: ended",
    "end: success",
    "end: not found",
    "end: already ended",
    "terminated",
    "nothing to terminate",
    "credited",
    "fault",
    "crash",
    "normal",
    "charge_exhausted",
    "session_replaced",
    "heartbeat_timeout",
    "launcher_timeout",
    "launcher_exit",
    "suspended",
];

#[expect(clippy::disallowed_methods, reason = "how long to test is for who starts the test to say")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// What was seen, and how often.
type Seen = BTreeMap<&'static str, u64>;

fn live_through(seed: u64) -> Seen {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(seed);
        world.run(CALLS);
        world.seen
    }));
    lived.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or_default();
        panic!("GUILDHALL_SEED={seed} repeats it: {text}")
    })
}

#[test]
fn whatever_happens_money_and_time_add_up_and_every_answer_is_by_the_contract() {
    if let Some(seed) = number("GUILDHALL_SEED") {
        live_through(seed);
        return;
    }
    let histories = number("GUILDHALL_HISTORIES").unwrap_or(HISTORIES);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let seen = thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| scope.spawn(move || count((part as u64..histories).step_by(threads).map(live_through))))
            .collect();
        count(parts.into_iter().map(|part| part.join().unwrap_or_else(|cause| resume_unwind(cause))))
    });
    let missing: Vec<_> = TO_BE_SEEN.into_iter().filter(|what| !seen.contains_key(what)).collect();
    assert!(histories < 1_000 || missing.is_empty(), "never seen: {missing:?} in {seen:?}");
}

fn count(parts: impl Iterator<Item = Seen>) -> Seen {
    let mut all = Seen::new();
    for (what, often) in parts.flatten() {
        *all.entry(what).or_default() += often;
    }
    all
}
