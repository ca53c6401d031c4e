//! The launcher on a cafe's PC: its session, the one-time tokens it asks for, its heartbeats.

use super::super::documents::{Document, DocumentKey, EndReason, Launcher, LauncherSeat, Pc, Token};
use super::super::messages::{
    IssueToken, Issued, LauncherBeat, LauncherCall, LauncherRefusal, NotChargeable, Playing, StartLauncher,
};
use super::super::{Decision, Need, View};
use super::billing::{Ending, can_begin, can_pay, idle_deadline, play_duration_sec};
use super::life::{Standing, charge_into, finish_over, standing};
use crate::clock::Timestamp;
use crate::ids::LauncherKey;
use crate::limits::SessionLimits;

/// Whether the launcher may still speak: not ended, not superseded on its PC, not silent for too long.
pub(super) fn is_live(launcher: &Launcher, key: LauncherKey, pc: &Pc, limits: &SessionLimits, now: Timestamp) -> bool {
    let is_heard =
        |seat: &LauncherSeat| seat.key == key && now.since(seat.seen_at) < limits.launcher_silence + limits.slack;
    launcher.ended_at.is_none() && pc.launcher.as_ref().is_some_and(is_heard)
}

/// When a launcher that is silent from now on is forgotten.
pub(super) fn forget_at(now: Timestamp, limits: &SessionLimits) -> Timestamp {
    now + limits.launcher_silence + limits.slack + limits.remember
}

/// Seats a launcher on its PC. An older one is superseded; a live game session stays until the next verify.
pub fn start_launcher(
    view: &View<'_>,
    ask: &StartLauncher,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<()>, Need> {
    let mut decision = Decision::nothing();
    let mut pc = view.pc(&ask.pc)?;
    pc.launcher = Some(LauncherSeat { key: ask.key, id: ask.id, seen_at: now });
    touch(&mut pc, limits, now);
    let launcher = Launcher {
        id: ask.id,
        pc: ask.pc.clone(),
        started_at: now,
        ended_at: None,
        about: ask.about.clone(),
        deadline: forget_at(now, limits),
    };
    decision.put(DocumentKey::Pc(ask.pc.clone()), Document::Pc(pc));
    decision.put(DocumentKey::Launcher(ask.key), Document::Launcher(launcher));
    Ok(decision)
}

/// Issues a one-time token, if the account can pay the first unit of the game.
pub fn issue_token(
    view: &View<'_>,
    ask: &IssueToken,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<Issued, LauncherRefusal>>, Need> {
    let mut decision = Decision::nothing();
    let (launcher, _) = match live(view, ask.launcher, limits, now)? {
        Ok(live) => live,
        Err(refusal) => return Ok(decision.answer(Err(refusal))),
    };
    if !can_begin(&view.account()?, ask.rate) {
        return Ok(decision.answer(Ok(Err(NotChargeable))));
    }
    let token = Token {
        game: ask.game.clone(),
        pc: launcher.pc.clone(),
        launcher: ask.launcher,
        issued_at: now,
        used_at: None,
        deadline: now + limits.token + limits.remember,
    };
    decision.put(DocumentKey::Token(ask.new_token), Document::Token(token));
    Ok(decision.answer(Ok(Ok(ask.new_token))))
}

/// A sign of life from the launcher; it hears how the money and the game on its PC stand.
pub fn launcher_heartbeat(
    view: &View<'_>,
    ask: &LauncherCall,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<LauncherBeat, LauncherRefusal>>, Need> {
    let mut decision = Decision::nothing();
    let (launcher, mut pc) = match live(view, ask.launcher, limits, now)? {
        Ok(live) if live.0.id == ask.id => live,
        Ok(_) => return Ok(decision.answer(Err(LauncherRefusal::WrongToken))),
        Err(refusal) => return Ok(decision.answer(Err(refusal))),
    };
    let account = view.account()?;
    let mut beat = LauncherBeat { is_exhausted: false, balance: account.balance, playing: None };
    if let Some(id) = pc.session
        && let Standing::Live(seat) = standing(view, id, None, limits, now)?
    {
        beat.is_exhausted = !can_pay(&seat.session, &account, now);
        let play_duration_sec = play_duration_sec(&seat.session, now);
        beat.playing = Some(Playing { session: id, game: seat.session.game, play_duration_sec });
    }
    if let Some(seat) = &mut pc.launcher {
        seat.seen_at = seat.seen_at.max(now);
    }
    touch(&mut pc, limits, now);
    decision.put_soon(DocumentKey::Pc(launcher.pc.clone()), Document::Pc(pc));
    Ok(decision.answer(Ok(beat)))
}

/// The launcher ends in good order, and the live game session of its PC with it.
pub fn end_launcher(
    view: &View<'_>,
    ask: &LauncherCall,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Result<(), LauncherRefusal>>, Need> {
    let mut decision = Decision::nothing();
    let (launcher, mut pc) = match live(view, ask.launcher, limits, now)? {
        Ok(live) if live.0.id == ask.id => live,
        Ok(_) => return Ok(decision.answer(Err(LauncherRefusal::WrongToken))),
        Err(refusal) => return Ok(decision.answer(Err(refusal))),
    };
    pc.launcher = None;
    let playing = match pc.session {
        Some(id) => Some(standing(view, id, None, limits, now)?),
        None => None,
    };
    let ended = match playing {
        Some(Standing::Over(seat, ending)) => Some((seat, ending)),
        Some(Standing::Live(mut seat)) => {
            charge_into(&mut decision, view, &mut seat, now)?;
            Some((seat, Ending::new(EndReason::LauncherExit, now)))
        }
        Some(Standing::Unknown | Standing::Ended(_)) | None => None,
    };
    match ended {
        Some((mut seat, ending)) => {
            seat.pc = pc;
            finish_over(&mut decision, view, seat, ending, limits, now)?;
        }
        None => {
            pc.session = None;
            touch(&mut pc, limits, now);
            decision.put(DocumentKey::Pc(launcher.pc.clone()), Document::Pc(pc));
        }
    }
    let mut launcher = launcher.clone();
    launcher.ended_at = Some(now);
    // It must outlive its tokens, or they would come to life again.
    launcher.deadline = now + limits.remember.max(limits.token);
    decision.put(DocumentKey::Launcher(ask.launcher), Document::Launcher(launcher));
    Ok(decision.answer(Ok(())))
}

/// The PC is in use: not to be forgotten for a while, and not at all while somebody plays on it.
fn touch(pc: &mut Pc, limits: &SessionLimits, now: Timestamp) {
    pc.deadline = pc.session.is_none().then(|| idle_deadline(pc, limits, now));
}

/// The launcher of a bearer token and its PC, if it may still speak.
fn live<'a>(
    view: &View<'a>,
    key: LauncherKey,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Result<(&'a Launcher, Pc), LauncherRefusal>, Need> {
    let Some(launcher) = view.launcher(key)? else { return Ok(Err(LauncherRefusal::WrongToken)) };
    let pc = view.pc(&launcher.pc)?;
    let is_live = is_live(launcher, key, &pc, limits, now);
    Ok(if is_live { Ok((launcher, pc)) } else { Err(LauncherRefusal::Ended) })
}
