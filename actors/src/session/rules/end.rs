//! Ends that somebody asks for, and those that time brings.

use super::super::documents::{Document, DocumentKey, EndReason, Pc};
use super::super::messages::{End, Finished, Refusal, Suspend, Terminate};
use super::super::{Decision, Need, View};
use super::billing::Ending;
use super::launcher::is_live;
use super::life::{Asker, Standing, charge_into, finish, finish_over, keep, not_before, standing};
use crate::clock::Timestamp;
use crate::ids::{LauncherKey, PcId, SessionId};
use crate::limits::SessionLimits;

/// The game server ends the session. In the grace, it ended for want of coins ("PlayWave API, state machine").
pub fn end(
    view: &View<'_>,
    ask: &End,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<Finished, Refusal>>, Need> {
    let asker = Asker { game: &ask.game, player: None };
    let now = not_before(view, ask.session, now)?;
    let mut decision = Decision::nothing();
    let mut seat = match standing(view, ask.session, Some(&asker), limits, now)? {
        Standing::Unknown => return Ok(decision.answer(Err(Refusal::NotFound))),
        Standing::Ended(_) => return Ok(decision.answer(Err(Refusal::AlreadyEnded))),
        Standing::Over(seat, ending) => {
            let is_gone = ending.reason == EndReason::HeartbeatTimeout;
            finish_over(&mut decision, view, seat, ending, limits, now)?;
            return Ok(decision.answer(Err(if is_gone { Refusal::NotFound } else { Refusal::AlreadyEnded })));
        }
        Standing::Live(seat) => seat,
    };
    charge_into(&mut decision, view, &mut seat, now)?;
    let is_in_grace = seat.session.grace_started_at.is_some();
    let reason = if is_in_grace { EndReason::ChargeExhausted } else { EndReason::Normal };
    let ending = Ending { reason, at: now, client_play_duration_sec: ask.client_play_duration_sec };
    let play_duration_sec = finish(&mut decision, view, seat, ending, limits, now);
    Ok(decision.answer(Ok(Finished { play_duration_sec })))
}

/// Somebody other than the game server ends the session, if it is live. Says whether it was.
pub fn terminate(
    view: &View<'_>,
    ask: &Terminate,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<bool>, Need> {
    let now = not_before(view, ask.session, now)?;
    let mut decision = Decision::nothing();
    match standing(view, ask.session, None, limits, now)? {
        Standing::Unknown | Standing::Ended(_) => Ok(decision.answer(false)),
        Standing::Over(seat, ending) => {
            finish_over(&mut decision, view, seat, ending, limits, now)?;
            Ok(decision.answer(false))
        }
        Standing::Live(mut seat) => {
            charge_into(&mut decision, view, &mut seat, now)?;
            finish(&mut decision, view, seat, Ending::new(ask.reason, now), limits, now);
            Ok(decision.answer(true))
        }
    }
}

/// The session's player was suspended, for now or for a time to come, or a suspension was changed or lifted. Says
/// whether that ended the session.
pub fn suspend(view: &View<'_>, ask: &Suspend, limits: &SessionLimits, now: Timestamp) -> Result<Decision<bool>, Need> {
    let suspension = ask.suspension.as_ref();
    let is_suspended = suspension.is_some_and(|suspension| suspension.covers(now));
    let from = suspension.filter(|suspension| suspension.begins_after(now)).map(|suspension| suspension.from);
    let now = not_before(view, ask.session, now)?;
    let mut decision = Decision::nothing();
    match standing(view, ask.session, None, limits, now)? {
        // What has taken effect at its time stays so, whatever is decided later.
        Standing::Over(seat, ending) => {
            let is_suspended = ending.reason == EndReason::Suspended;
            finish_over(&mut decision, view, seat, ending, limits, now)?;
            Ok(decision.answer(is_suspended))
        }
        Standing::Live(mut seat) if is_suspended => {
            charge_into(&mut decision, view, &mut seat, now)?;
            finish(&mut decision, view, seat, Ending::new(EndReason::Suspended, now), limits, now);
            Ok(decision.answer(true))
        }
        Standing::Live(mut seat) if seat.session.suspended_from != from => {
            seat.session.suspended_from = from;
            keep(&mut decision, seat, limits);
            decision.must_last();
            Ok(decision.answer(false))
        }
        Standing::Live(_) | Standing::Unknown | Standing::Ended(_) => Ok(decision.answer(false)),
    }
}

/// A document's deadline may have come: ends what is over, and removes what is no longer needed. One that has been
/// given a later deadline is left alone. Says whether there was something to do.
pub fn sweep(
    view: &View<'_>,
    key: &DocumentKey,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<bool>, Need> {
    let document = view.get(key)?;
    if document.and_then(Document::deadline).is_none_or(|deadline| now < deadline) {
        return Ok(Decision::nothing().answer(false));
    }
    match key {
        DocumentKey::Session(id) => sweep_session(view, *id, limits, now),
        DocumentKey::Pc(id) => sweep_pc(view, id),
        DocumentKey::Launcher(launcher) => sweep_launcher(view, *launcher, limits, now),
        DocumentKey::Token(_) | DocumentKey::Credit(_) => Ok(removed(key)),
        DocumentKey::Registration | DocumentKey::Account => Ok(Decision::nothing().answer(false)),
    }
}

fn removed(key: &DocumentKey) -> Decision<bool> {
    let mut decision = Decision::nothing();
    decision.remove(key.clone());
    decision.answer(true)
}

fn sweep_session(
    view: &View<'_>,
    id: SessionId,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<bool>, Need> {
    let mut decision = Decision::nothing();
    match standing(view, id, None, limits, now)? {
        Standing::Unknown => return Ok(removed(&DocumentKey::Session(id))),
        Standing::Ended(_) => return Ok(decision.answer(false)),
        Standing::Over(seat, ending) => drop(finish_over(&mut decision, view, seat, ending, limits, now)?),
        // A credit came in time: the grace is over because everything can be paid. Charged is what was begun by the
        // last sign of life: if no other comes, the session was silent from there on, and silence is free.
        Standing::Live(mut seat) => {
            let heard_at = seat.session.heartbeat_at;
            charge_into(&mut decision, view, &mut seat, heard_at)?;
            keep(&mut decision, seat, limits);
        }
    }
    Ok(decision.answer(true))
}

/// A PC is forgotten once nobody plays on it and its launcher has long been silent.
fn sweep_pc(view: &View<'_>, id: &PcId) -> Result<Decision<bool>, Need> {
    let Pc { session, .. } = view.pc(id)?;
    let key = DocumentKey::Pc(id.clone());
    Ok(if session.is_none() { removed(&key) } else { Decision::nothing().answer(false) })
}

/// A launcher that is still alive is looked at again after its next silence.
fn sweep_launcher(
    view: &View<'_>,
    key: LauncherKey,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<bool>, Need> {
    let Some(launcher) = view.launcher(key)? else { return Ok(Decision::nothing().answer(false)) };
    let pc = view.pc(&launcher.pc)?;
    if !is_live(launcher, key, &pc, limits, now) {
        return Ok(removed(&DocumentKey::Launcher(key)));
    }
    let mut launcher = launcher.clone();
    launcher.deadline = super::launcher::forget_at(now, limits);
    let mut decision = Decision::nothing();
    decision.put_soon(DocumentKey::Launcher(key), Document::Launcher(launcher));
    Ok(decision.answer(true))
}
