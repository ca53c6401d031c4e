//! Money and time of one session. Play is charged in advance, unit by begun unit; nothing is charged twice, and
//! nothing is given back.

use std::time::Duration;

use super::super::documents::{Account, Document, DocumentKey, EndReason, Ended, Pc, Rate, Session, Settlement};
use super::super::{Decision, SessionEnd, View};
use crate::clock::Timestamp;
use crate::ids::{PlayerKey, SessionId};
use crate::limits::SessionLimits;

/// Time since the session began; never less than was shown before.
pub(super) fn play(session: &Session, now: Timestamp) -> Duration {
    now.max(session.heartbeat_at).since(session.started_at)
}

/// Whole seconds of play: frozen once the session has ended.
pub fn play_duration_sec(session: &Session, now: Timestamp) -> u64 {
    match &session.ended {
        Some(ended) => ended.play_duration_sec,
        None => play(session, now).as_secs(),
    }
}

/// Seconds of play that have been paid.
pub(super) fn billed_sec(session: &Session, play_duration_sec: u64) -> u64 {
    play_duration_sec.min(session.charged_units.saturating_mul(session.rate.unit_sec))
}

/// Whether the first unit can be paid.
pub(super) fn can_begin(account: &Account, rate: Rate) -> bool {
    account.balance >= rate.coins
}

/// Units begun and not yet charged.
fn units_due(session: &Session, now: Timestamp) -> u64 {
    let begun = play(session, now).as_secs() / session.rate.unit_sec.max(1) + 1;
    begun.saturating_sub(session.charged_units)
}

/// Whether everything that has begun is paid.
pub(super) fn is_paid_up(session: &Session, now: Timestamp) -> bool {
    units_due(session, now) == 0
}

/// Whether everything that has begun is paid, or could be.
pub(super) fn can_pay(session: &Session, account: &Account, now: Timestamp) -> bool {
    units_due(session, now).saturating_mul(session.rate.coins) <= account.balance
}

/// Charges the begun units as far as the balance reaches, and marks what could not be paid. Paid up, both marks are
/// cleared: a credit during the grace ends it. Says whether all is paid.
pub(super) fn charge(session: &mut Session, account: &mut Account, now: Timestamp) -> bool {
    let due = units_due(session, now);
    // A free game has no bound.
    let units = account.balance.checked_div(session.rate.coins).map_or(due, |payable| due.min(payable));
    let coins = units * session.rate.coins;
    session.charged_units += units;
    account.balance -= coins;
    account.charged += coins;
    debug_assert_eq!(account.balance, account.credited - account.charged);
    let is_paid = units == due;
    let unpaid_from = session.started_at + Duration::from_secs(session.charged_units * session.rate.unit_sec);
    session.exhausted_at = (!is_paid).then_some(unpaid_from);
    if is_paid {
        session.grace_started_at = None;
    }
    is_paid
}

/// The end of a session: when it counts as ended, and what is told about it.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) reason: EndReason,
    pub(super) at: Timestamp,
    pub(super) client_play_duration_sec: Option<u64>,
}

impl Ending {
    pub(super) fn new(reason: EndReason, at: Timestamp) -> Self {
        Self { reason, at, client_play_duration_sec: None }
    }

    /// Whether what was begun by a deadline that nobody noticed is still to be charged. After the grace it could not
    /// be, and silence is free.
    pub(super) fn is_charged(&self) -> bool {
        self.reason == EndReason::Suspended
    }
}

/// Ends a session: its document and its settlement are written, its PC is free. Says how long it was.
pub(super) fn close(
    decision: &mut Decision<()>,
    view: &View<'_>,
    (id, mut session): (SessionId, Session),
    pc: &mut Pc,
    ending: Ending,
    limits: &SessionLimits,
    now: Timestamp,
) -> u64 {
    let at = ending.at.max(session.heartbeat_at);
    let play_duration_sec = at.since(session.started_at).as_secs();
    decision.settlements.push(Settlement {
        session_id: id,
        game_id: session.game.clone(),
        cafe_id: view.cafe().clone(),
        pc_id: session.pc.clone(),
        provider_user_id: session.player,
        started_at: session.started_at,
        ended_at: at,
        end_reason: ending.reason,
        play_duration_sec,
        billed_sec: billed_sec(&session, play_duration_sec),
        coins: session.charged_units * session.rate.coins,
        client_play_duration_sec: ending.client_play_duration_sec,
    });
    let player = PlayerKey { game: session.game.clone(), player: session.player };
    decision.ends.push(SessionEnd { player, session: id, reason: ending.reason });
    pc.session = None;
    pc.deadline = Some(idle_deadline(pc, limits, now));
    let key = DocumentKey::Session(id);
    // What fell silent is gone, not ended ("PlayWave API, heartbeat": 404, "expired").
    if ending.reason == EndReason::HeartbeatTimeout {
        decision.remove(key);
    } else {
        session.deadline = now.max(at) + limits.remember;
        session.ended = Some(Ended { reason: ending.reason, at, play_duration_sec });
        decision.put(key, Document::Session(session));
    }
    play_duration_sec
}

/// When a PC without a session may be forgotten.
pub(super) fn idle_deadline(pc: &Pc, limits: &SessionLimits, now: Timestamp) -> Timestamp {
    let seen_at = pc.launcher.as_ref().map_or(now, |launcher| launcher.seen_at);
    seen_at.max(now) + limits.launcher_silence + limits.slack + limits.remember
}
