//! Signs of life from the game server: heartbeat and check.

use std::time::Duration;

use super::super::documents::{EndReason, Session};
use super::super::messages::{Beat, BeatResult, Check, Checked, Heartbeat, Refusal};
use super::super::{Decision, Need, View};
use super::billing::{Ending, play_duration_sec};
use super::life::{Asker, Seat, Standing, charge_into, finish_over, keep, not_before, refusal_of, standing};
use crate::clock::Timestamp;
use crate::ids::SessionId;
use crate::limits::SessionLimits;

/// What is left of the grace when the last heartbeat within it should have come.
const GRACE_MARGIN: Duration = Duration::from_secs(10);
/// Shortest time a game server is told to wait.
const LEAST_WAIT: Duration = Duration::from_secs(5);

/// Charges what is due, reports exhaustion, and notices a silent launcher. The grace begins with the first report.
pub fn heartbeat(
    view: &View<'_>,
    ask: &Heartbeat,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<Beat, Refusal>>, Need> {
    let asker = Asker { game: &ask.game, player: Some(ask.player) };
    let now = not_before(view, ask.session, now)?;
    let mut decision = Decision::nothing();
    let (mut seat, is_paid) = match sign_of_life(&mut decision, view, ask.session, &asker, limits, now)? {
        Life::On(seat, is_paid) => (seat, is_paid),
        Life::Over(EndReason::SessionReplaced) => {
            return Ok(decision.answer(replaced(view, ask.session, limits, now)?));
        }
        Life::Over(reason) => return Ok(decision.answer(Err(refusal_of(reason)))),
        Life::Unknown => return Ok(decision.answer(Err(Refusal::NotFound))),
    };
    if !is_paid && seat.session.grace_started_at.is_none() {
        seat.session.grace_started_at = Some(now);
        decision.must_last();
    }
    let beat = Beat {
        result: if is_paid { BeatResult::Ok } else { BeatResult::ChargeExhausted },
        next_heartbeat_in: next_heartbeat_in(&seat.session, limits, now),
        play_duration_sec: play_duration_sec(&seat.session, now),
    };
    keep(&mut decision, *seat, limits);
    Ok(decision.answer(Ok(beat)))
}

/// A session that goes on elsewhere is alive as after a heartbeat. It is not told of exhaustion, so no grace begins
/// ("PlayWave API, check"; the contract is ours); but the heartbeat that will tell is wanted soon.
pub fn check(
    view: &View<'_>,
    ask: &Check,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<Checked, Refusal>>, Need> {
    let asker = Asker { game: &ask.game, player: Some(ask.player) };
    let now = not_before(view, ask.session, now)?;
    let mut decision = Decision::nothing();
    let (seat, is_paid) = match sign_of_life(&mut decision, view, ask.session, &asker, limits, now)? {
        Life::On(seat, is_paid) => (seat, is_paid),
        Life::Over(reason) => return Ok(decision.answer(Err(refusal_of(reason)))),
        Life::Unknown => return Ok(decision.answer(Err(Refusal::NotFound))),
    };
    let is_told = is_paid || seat.session.grace_started_at.is_some();
    let checked = Checked {
        next_heartbeat_in: if is_told { next_heartbeat_in(&seat.session, limits, now) } else { LEAST_WAIT },
        play_duration_sec: play_duration_sec(&seat.session, now),
    };
    keep(&mut decision, *seat, limits);
    Ok(decision.answer(Ok(checked)))
}

/// What a sign of life finds.
enum Life {
    /// It goes on; and whether all that is due is paid.
    On(Box<Seat>, bool),
    Over(EndReason),
    Unknown,
}

fn sign_of_life(
    decision: &mut Decision<()>,
    view: &View<'_>,
    id: SessionId,
    asker: &Asker<'_>,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Life, Need> {
    let (mut seat, ending) = match standing(view, id, Some(asker), limits, now)? {
        Standing::Unknown => return Ok(Life::Unknown),
        Standing::Ended(reason) => return Ok(Life::Over(reason)),
        Standing::Over(seat, ending) => (seat, Some(ending)),
        Standing::Live(seat) if seat.is_launcher_silent(limits, now) => {
            (seat, Some(Ending::new(EndReason::LauncherTimeout, now)))
        }
        Standing::Live(seat) => (seat, None),
    };
    let Some(ending) = ending else {
        seat.session.heartbeat_at = now;
        let is_paid = charge_into(decision, view, &mut seat, now)?;
        return Ok(Life::On(Box::new(seat), is_paid));
    };
    let reason = ending.reason;
    if reason == EndReason::LauncherTimeout {
        charge_into(decision, view, &mut seat, now)?;
    }
    finish_over(decision, view, seat, ending, limits, now)?;
    Ok(Life::Over(reason))
}

/// Told again and again: a lost answer must not turn into a kick ("PlayWave API, ambiguities", 6).
fn replaced(
    view: &View<'_>,
    id: SessionId,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Result<Beat, Refusal>, Need> {
    let Some(session) = view.session(id)? else { return Ok(Err(Refusal::NotFound)) };
    let play_duration_sec = play_duration_sec(session, now);
    Ok(Ok(Beat { result: BeatResult::SessionReplaced, next_heartbeat_in: limits.heartbeat, play_duration_sec }))
}

/// In the grace it shortens, so that the next heartbeat still falls in it.
fn next_heartbeat_in(session: &Session, limits: &SessionLimits, now: Timestamp) -> Duration {
    let Some(started_at) = session.grace_started_at else { return limits.heartbeat };
    let longest = limits.grace.saturating_sub(GRACE_MARGIN).max(LEAST_WAIT);
    longest.saturating_sub(now.since(started_at)).clamp(LEAST_WAIT, longest)
}
