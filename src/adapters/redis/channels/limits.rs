//! The limits of a log, as the scripts take them.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::limits::LogLimits;

use crate::adapters::redis::script::Call;

/// Newest events kept and the oldest time kept: of a channel without history, then of one with it.
pub(super) fn limited<'a>(call: Call<'a>, limits: &LogLimits, now: Timestamp) -> Call<'a> {
    let LogLimits { events, age, history_events, history_age } = limits;
    call.arg(events).arg((now - *age).0).arg(history_events).arg((now - *history_age).0)
}
