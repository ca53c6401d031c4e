//! A one-time token becomes a game session.

use super::super::documents::{Document, DocumentKey, EndReason, Session, Token};
use super::super::messages::{Clearance, Verdict, Verify, VerifyRefusal};
use super::super::{Decision, Need, View};
use super::billing::{Ending, can_begin, charge, close};
use super::life::{Seat, Standing, keep, standing};
use crate::clock::Timestamp;
use crate::ids::PcId;
use crate::limits::SessionLimits;

/// Uses the token, charges the first unit, begins the session and replaces the live one of the same PC, all at once
/// or not at all. Only success uses the token. The order of the refusals is the contract's ("PlayWave API, launcher
/// side"), a suspension before the money.
pub fn verify(
    view: &View<'_>,
    ask: &Verify,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Decision<Verdict>, Need> {
    let mut decision = Decision::nothing();
    let Some(token) = view.token(ask.token)? else { return Ok(refused(decision, VerifyRefusal::OttExpired)) };
    if let Some(refusal) = refusal_of_token(view, ask, token, limits, now)? {
        return Ok(refused(decision, refusal));
    }
    match ask.clearance {
        Clearance::Unasked => return Ok(decision.answer(Verdict::AskPlayer)),
        Clearance::Suspended => return Ok(refused(decision, VerifyRefusal::Suspended)),
        Clearance::Welcome => {}
    }
    let mut account = view.account()?;
    let mut pc = view.pc(&token.pc)?;
    if let Some(replaced) = pc.session {
        match standing(view, replaced, None, limits, now)? {
            Standing::Unknown | Standing::Ended(_) => pc.session = None,
            Standing::Over(mut seat, ending) => {
                if ending.is_charged() {
                    charge(&mut seat.session, &mut account, ending.at);
                }
                close(&mut decision, view, (seat.id, seat.session), &mut pc, ending, limits, now);
            }
            Standing::Live(mut seat) => {
                // What the old session owes comes first: it was played first.
                charge(&mut seat.session, &mut account, now);
                let ending = Ending::new(EndReason::SessionReplaced, now);
                close(&mut decision, view, (seat.id, seat.session), &mut pc, ending, limits, now);
            }
        }
    }
    if !can_begin(&account, ask.rate) {
        return Ok(refused(Decision::nothing(), VerifyRefusal::NotChargeable));
    }
    let mut session = begin(ask, &token.pc, now);
    charge(&mut session, &mut account, now);
    pc.session = Some(ask.new_session);
    pc.deadline = None;
    decision.put(DocumentKey::Token(ask.token), Document::Token(Token { used_at: Some(now), ..token.clone() }));
    if account != view.account()? {
        decision.put(DocumentKey::Account, Document::Account(account));
    }
    decision.put(DocumentKey::Pc(token.pc.clone()), Document::Pc(pc.clone()));
    keep(&mut decision, Seat { id: ask.new_session, session, pc }, limits);
    Ok(decision.answer(Verdict::Valid(ask.new_session)))
}

fn refused(decision: Decision<()>, refusal: VerifyRefusal) -> Decision<Verdict> {
    decision.answer(Verdict::Refused(refusal))
}

fn refusal_of_token(
    view: &View<'_>,
    ask: &Verify,
    token: &Token,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<Option<VerifyRefusal>, Need> {
    if token.used_at.is_some() {
        return Ok(Some(VerifyRefusal::OttAlreadyUsed));
    }
    if now.since(token.issued_at) >= limits.token || has_left(view, token)? {
        return Ok(Some(VerifyRefusal::OttExpired));
    }
    Ok((token.game != ask.game).then_some(VerifyRefusal::GameMismatch))
}

/// The launcher has ended in good order, or the one that superseded it has: nobody sits at that PC any more, and the
/// way in is to start it again. A launcher that is only superseded, or silent, leaves its tokens behind.
fn has_left(view: &View<'_>, token: &Token) -> Result<bool, Need> {
    let has_ended = view.launcher(token.launcher)?.is_some_and(|launcher| launcher.ended_at.is_some());
    Ok(has_ended || view.pc(&token.pc)?.launcher.is_none())
}

fn begin(ask: &Verify, pc: &PcId, now: Timestamp) -> Session {
    Session {
        game: ask.game.clone(),
        pc: pc.clone(),
        player: ask.player,
        rate: ask.rate,
        started_at: now,
        heartbeat_at: now,
        charged_units: 0,
        exhausted_at: None,
        grace_started_at: None,
        suspended_from: None,
        ended: None,
        deadline: now,
    }
}
