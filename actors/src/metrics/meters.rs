//! The handles.

use std::cell::Cell;
use std::sync::LazyLock;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::names;
use super::{CommitOutcome, CrashedActor, End, EventKind, Family, LoginKind, LoginOutcome, RateLimit};
use crate::session::EndReason;

/// What this crate counts and measures; what each means stands in the server's table.
pub struct Meters {
    pub connections: Gauge,
    pub logins: Family<(LoginKind, LoginOutcome), Counter>,
    pub second_logins: Counter,
    pub logouts: Counter,
    pub closes: Family<End, Counter>,
    frames_sent: Counter,
    sent_bytes: Counter,
    pub events_appended: Family<(EventKind,), Counter>,
    pub publish: Histogram,
    pub delivery_lag: Histogram,
    pub channels_followed: Gauge,
    pub log_reads: Counter,
    pub events_healed: Counter,
    pub session_actors: Gauge,
    pub sessions_started: Counter,
    pub sessions_ended: Family<(EndReason,), Counter>,
    pub session_commits: Family<(CommitOutcome,), Counter>,
    pub settlements: Counter,
    pub settled_coins: Counter,
    pub webhook_repeats: Counter,
    pub rate_limited: Family<(RateLimit,), Counter>,
    pub lease_held: Gauge,
    pub lease_renewal_failures: Counter,
    pub leases_lost: Counter,
    pub dead_nodes_recovered: Counter,
    pub actor_crashes: Family<(CrashedActor,), Counter>,
}

/// The handles of this process. The first call makes them: whoever wants to hear of them has installed its recorder.
pub fn meters() -> &'static Meters {
    static METERS: LazyLock<Meters> = LazyLock::new(Meters::new);
    &METERS
}

impl Meters {
    fn new() -> Self {
        Self {
            connections: gauge!(names::CONNECTIONS),
            logins: Family::counters(names::LOGINS),
            second_logins: counter!(names::SECOND_LOGINS),
            logouts: counter!(names::LOGOUTS),
            closes: Family::counters(names::CLOSES),
            frames_sent: counter!(names::FRAMES_SENT),
            sent_bytes: counter!(names::SENT_BYTES),
            events_appended: Family::counters(names::EVENTS_APPENDED),
            publish: histogram!(names::PUBLISH),
            delivery_lag: histogram!(names::DELIVERY_LAG),
            channels_followed: gauge!(names::CHANNELS_FOLLOWED),
            log_reads: counter!(names::LOG_READS),
            events_healed: counter!(names::EVENTS_HEALED),
            session_actors: gauge!(names::SESSION_ACTORS),
            sessions_started: counter!(names::SESSIONS_STARTED),
            sessions_ended: Family::counters(names::SESSIONS_ENDED),
            session_commits: Family::counters(names::SESSION_COMMITS),
            settlements: counter!(names::SETTLEMENTS),
            settled_coins: counter!(names::SETTLED_COINS),
            webhook_repeats: counter!(names::WEBHOOK_REPEATS),
            rate_limited: Family::counters(names::RATE_LIMITED),
            lease_held: gauge!(names::LEASE_HELD),
            lease_renewal_failures: counter!(names::LEASE_RENEWAL_FAILURES),
            leases_lost: counter!(names::LEASES_LOST),
            dead_nodes_recovered: counter!(names::DEAD_NODES_RECOVERED),
            actor_crashes: Family::counters(names::ACTOR_CRASHES),
        }
    }
}

/// One more of what a gauge counts, while this lives; also when its owner goes down in a panic.
pub struct Live(&'static Gauge);

impl Live {
    pub fn one_more(gauge: &'static Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

thread_local! {
    /// Sent on this thread and not yet told. Every socket write adds to it, so it must cost nothing: threads would
    /// fight for one counter.
    static UNTOLD: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Counts what the kernel has taken whole of one socket's frames.
pub(crate) fn add_sent(frames: u64, bytes: u64) {
    UNTOLD.set({
        let (untold_frames, untold_bytes) = UNTOLD.get();
        (untold_frames + frames, untold_bytes + bytes)
    });
}

/// Tells what this thread has sent since it was last asked to.
pub(crate) fn tell_sent() {
    let (frames, bytes) = UNTOLD.take();
    if frames > 0 {
        meters().frames_sent.increment(frames);
        meters().sent_bytes.increment(bytes);
    }
}
