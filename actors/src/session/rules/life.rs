//! How a session stands, and what keeps or ends it: the ground that every call on a session shares.

use super::super::documents::{Document, DocumentKey, EndReason, Pc, Session};
use super::super::messages::Refusal;
use super::super::{Decision, Need, View};
use super::billing::{Ending, can_pay, charge, close, is_paid_up};
use crate::clock::Timestamp;
use crate::ids::{GameId, PlayerId, SessionId};
use crate::limits::SessionLimits;

/// A live session, and the PC it is played on.
pub(super) struct Seat {
    pub(super) id: SessionId,
    pub(super) session: Session,
    pub(super) pc: Pc,
}

/// How a session stands, before anything is done to it.
pub(super) enum Standing {
    /// Never begun, another's, expired or forgotten.
    Unknown,
    Ended(EndReason),
    /// A deadline has passed that nobody has noticed: this is how it ends.
    Over(Seat, Ending),
    Live(Seat),
}

/// Who asks for a session. To others it is unknown: no oracle ("PlayWave API, ambiguities", 9).
pub(super) struct Asker<'a> {
    pub(super) game: &'a GameId,
    /// The `end` call names no player.
    pub(super) player: Option<PlayerId>,
}

impl Asker<'_> {
    fn may_see(&self, session: &Session) -> bool {
        session.game == *self.game && self.player.is_none_or(|player| session.player == player)
    }
}

impl Seat {
    /// When the session is gone if it is not heard of.
    fn silent_at(&self, limits: &SessionLimits) -> Timestamp {
        self.session.heartbeat_at + limits.silence + limits.slack
    }

    /// When the grace is over, if there is one.
    fn grace_end(&self, limits: &SessionLimits) -> Option<Timestamp> {
        self.session.grace_started_at.map(|started_at| started_at + limits.grace)
    }

    pub(super) fn is_launcher_silent(&self, limits: &SessionLimits, now: Timestamp) -> bool {
        let launcher = self.pc.launcher.as_ref();
        launcher.is_none_or(|launcher| now.since(launcher.seen_at) >= limits.launcher_silence)
    }

    /// When the sweeper must look at the session.
    fn deadline(&self, limits: &SessionLimits) -> Timestamp {
        let others = [self.grace_end(limits), self.session.suspended_from];
        others.into_iter().flatten().fold(self.silent_at(limits), Timestamp::min)
    }

    /// When the grace was over, if it is.
    fn past_grace(&self, limits: &SessionLimits, now: Timestamp) -> Option<Timestamp> {
        self.grace_end(limits).filter(|grace_end| now >= *grace_end)
    }

    /// Whichever comes first ends the session: the end of its grace, unless the account pays what had begun by then; a
    /// suspension; or silence. Whoever looks, and however late, finds the same. An account does not tell when its coins
    /// came, so a credit after the grace that comes before anybody has looked counts as one in time.
    fn overdue(&self, view: &View<'_>, limits: &SessionLimits, now: Timestamp) -> Result<Option<Ending>, Need> {
        let silent_at = self.silent_at(limits);
        let suspended_at = self.session.suspended_from.filter(|from| *from <= now);
        let other_end = suspended_at.map_or(silent_at, |suspended_at| suspended_at.min(silent_at));
        if let Some(grace_end) = self.past_grace(limits, now).filter(|grace_end| *grace_end <= other_end)
            && !can_pay(&self.session, &view.account()?, grace_end)
        {
            return Ok(Some(Ending::new(EndReason::ChargeExhausted, grace_end)));
        }
        if let Some(suspended_at) = suspended_at.filter(|suspended_at| *suspended_at < silent_at) {
            return Ok(Some(Ending::new(EndReason::Suspended, suspended_at)));
        }
        Ok((now >= silent_at).then(|| Ending::new(EndReason::HeartbeatTimeout, self.session.heartbeat_at)))
    }
}

/// # Errors
/// A document that has not been read. So for every rule.
pub(super) fn standing(
    view: &View<'_>,
    id: SessionId,
    asker: Option<&Asker<'_>>,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Standing, Need> {
    let session = view.session(id)?.filter(|session| asker.is_none_or(|asker| asker.may_see(session)));
    let Some(session) = session else { return Ok(Standing::Unknown) };
    match &session.ended {
        // Forgotten on time, although it has not been swept away.
        Some(_) if now >= session.deadline => Ok(Standing::Unknown),
        Some(ended) => Ok(Standing::Ended(ended.reason)),
        None => {
            let mut seat = Seat { id, session: session.clone(), pc: view.pc(&session.pc)? };
            if let Some(ending) = seat.overdue(view, limits, now)? {
                return Ok(Standing::Over(seat, ending));
            }
            if seat.past_grace(limits, now).is_some() {
                // A credit came in time. What cannot be paid from here on is reported anew, with a grace of its own.
                seat.session.grace_started_at = None;
            }
            Ok(Standing::Live(seat))
        }
    }
}

/// Time never runs back for a session.
pub(super) fn not_before(view: &View<'_>, id: SessionId, now: Timestamp) -> Result<Timestamp, Need> {
    Ok(view.session(id)?.map_or(now, |session| now.max(session.heartbeat_at)))
}

/// What a call on a session that has ended hears.
pub(super) fn refusal_of(reason: EndReason) -> Refusal {
    if reason == EndReason::HeartbeatTimeout { Refusal::NotFound } else { Refusal::Ended }
}

/// Charges what is due, and says whether all is paid. The account is read only when something is due: most heartbeats
/// leave a busy account alone.
pub(super) fn charge_into(
    decision: &mut Decision<()>,
    view: &View<'_>,
    seat: &mut Seat,
    now: Timestamp,
) -> Result<bool, Need> {
    if is_paid_up(&seat.session, now) {
        return Ok(true);
    }
    let mut account = view.account()?;
    let is_paid = charge(&mut seat.session, &mut account, now);
    decision.must_last();
    if account != view.account()? {
        decision.put(DocumentKey::Account, Document::Account(account));
    }
    Ok(is_paid)
}

/// Ends a session, and writes what changes around it. Says how long it was.
pub(super) fn finish(
    decision: &mut Decision<()>,
    view: &View<'_>,
    seat: Seat,
    ending: Ending,
    limits: &SessionLimits,
    now: Timestamp,
) -> u64 {
    let Seat { id, session, mut pc } = seat;
    let key = DocumentKey::Pc(session.pc.clone());
    let play_duration_sec = close(decision, view, (id, session), &mut pc, ending, limits, now);
    decision.put(key, Document::Pc(pc));
    play_duration_sec
}

/// Ends a session whose time has come unnoticed, as of when it came. Says how long it was.
pub(super) fn finish_over(
    decision: &mut Decision<()>,
    view: &View<'_>,
    mut seat: Seat,
    ending: Ending,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<u64, Need> {
    if ending.is_charged() {
        charge_into(decision, view, &mut seat, ending.at)?;
    }
    Ok(finish(decision, view, seat, ending, limits, now))
}

/// Writes the session on, with its next deadline.
pub(super) fn keep(decision: &mut Decision<()>, mut seat: Seat, limits: &SessionLimits) {
    seat.session.deadline = seat.deadline(limits);
    decision.put_soon(DocumentKey::Session(seat.id), Document::Session(seat.session));
}
