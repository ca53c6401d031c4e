//! What holds of a store at every moment, whatever was asked, lost or crashed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::*;
use crate::clock::Timestamp;
use crate::ids::{CafeId, PcId, SessionId};
use crate::limits::SessionLimits;
use crate::testing::memory_sessions::{Documents, Kept};

/// How a session stands in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Never begun, or its beginning was undone.
    None,
    Live,
    /// It has its settlement; and until when it is remembered, if its document is still there.
    Over(EndReason, Option<Timestamp>),
}

pub(super) fn status(kept: &Kept, id: SessionId) -> Status {
    let mut cafes = kept.cafes.values();
    let document = cafes.find_map(|documents| documents.get(&DocumentKey::Session(id)));
    let session = document.and_then(|(_, document)| as_session(document));
    if let Some(settlement) = kept.settlements.iter().find(|settlement| settlement.session_id == id) {
        return Status::Over(settlement.end_reason, session.map(|session| session.deadline));
    }
    if session.is_some() { Status::Live } else { Status::None }
}

pub(super) fn as_session(document: &Document) -> Option<&Session> {
    if let Document::Session(session) = document { Some(session) } else { None }
}

/// # Panics
/// When an invariant is broken.
pub(super) fn check(kept: &Kept, limits: &SessionLimits, rates: &[Rate], is_rich: impl Fn(&CafeId) -> bool) {
    let mut settled = BTreeMap::new();
    for settlement in &kept.settlements {
        let rate = rate_of(rates, &settlement.game_id);
        check_settlement(settlement, rate, is_rich(&settlement.cafe_id));
        assert!(settled.insert(settlement.session_id, settlement).is_none(), "settled twice: {settlement:?}");
    }
    for (cafe, documents) in &kept.cafes {
        check_money(cafe, documents, kept);
        check_places(documents);
        for (key, (_, document)) in documents {
            if let (DocumentKey::Session(id), Some(session)) = (key, as_session(document)) {
                check_session(session, settled.get(id).copied(), limits, is_rich(cafe));
            }
        }
    }
}

/// The games of a history are called by the number of their rate.
pub(super) fn rate_of(rates: &[Rate], game: &crate::ids::GameId) -> Rate {
    rates[game.as_str().parse::<usize>().expect("games are numbers")]
}

/// What left the account is in settlements and live sessions, to the coin.
fn check_money(cafe: &CafeId, documents: &Documents, kept: &Kept) {
    let account = match documents.get(&DocumentKey::Account).map(|(_, document)| &**document) {
        Some(Document::Account(account)) => account.clone(),
        _ => Account::default(),
    };
    assert_eq!(account.balance, account.credited - account.charged, "{account:?}");
    let sessions = documents.values().filter_map(|(_, document)| as_session(document));
    let live = sessions.filter(|session| session.ended.is_none());
    let open: u64 = live.map(|session| session.charged_units * session.rate.coins).sum();
    let settled = kept.settlements.iter().filter(|settlement| settlement.cafe_id == *cafe);
    let settled: u64 = settled.map(|settlement| settlement.coins).sum();
    assert_eq!(account.charged, open + settled, "debits that no session has, or has twice: {open} + {settled}");
}

/// At most one live session for each PC, which says so.
fn check_places(documents: &Documents) {
    let mut seats: BTreeMap<&PcId, SessionId> = BTreeMap::new();
    for (key, (_, document)) in documents {
        if let (DocumentKey::Session(id), Some(session)) = (key, as_session(document))
            && session.ended.is_none()
        {
            assert!(seats.insert(&session.pc, *id).is_none(), "two live sessions on {}", session.pc);
        }
    }
    let mut found = BTreeSet::new();
    for (key, (_, document)) in documents {
        if let (DocumentKey::Pc(id), Document::Pc(pc)) = (key, &**document) {
            assert_eq!(pc.session, seats.get(id).copied(), "PC {id} and its session do not know each other");
            assert_eq!(pc.deadline.is_none(), pc.session.is_some(), "PC {id} is forgotten in use, or never");
            found.insert(id);
        }
    }
    assert!(seats.keys().all(|pc| found.contains(pc)), "a session on a PC that nobody knows");
}

fn check_session(session: &Session, settlement: Option<&Settlement>, limits: &SessionLimits, is_rich: bool) {
    assert!(session.heartbeat_at >= session.started_at);
    assert!(session.charged_units >= 1, "begun without a charge");
    let Some(ended) = &session.ended else {
        assert_eq!(settlement, None, "settled while it lives");
        let begun = begun_units(session.heartbeat_at.since(session.started_at), session.rate);
        assert!(session.charged_units <= begun, "charged for silence: {session:?}");
        assert!(!is_rich || session.charged_units == begun, "played for nothing: {session:?}");
        assert!(session.exhausted_at.is_some() || session.grace_started_at.is_none());
        assert_eq!(session.exhausted_at.is_some(), session.charged_units < begun);
        let silent_at = session.heartbeat_at + limits.silence + limits.slack;
        let grace_end = session.grace_started_at.map(|started_at| started_at + limits.grace);
        assert_eq!(session.deadline, grace_end.map_or(silent_at, |grace_end| grace_end.min(silent_at)));
        return;
    };
    let settlement = settlement.expect("an end without a settlement");
    assert_ne!(ended.reason, EndReason::HeartbeatTimeout, "what fell silent leaves nothing");
    assert_eq!(
        (ended.reason, ended.at, ended.play_duration_sec),
        (settlement.end_reason, settlement.ended_at, settlement.play_duration_sec)
    );
    assert!(session.deadline >= ended.at + limits.remember);
}

/// Nobody pays for more than was begun, and a cafe with enough coins pays for all of it.
fn check_settlement(settlement: &Settlement, rate: Rate, is_rich: bool) {
    let play = settlement.ended_at.since(settlement.started_at);
    assert!(settlement.ended_at >= settlement.started_at);
    assert_eq!(settlement.play_duration_sec, play.as_secs());
    let full = begun_units(play, rate) * rate.coins;
    assert!(settlement.coins <= full, "overcharged: {settlement:?}");
    assert!(!is_rich || settlement.coins == full, "undercharged: {settlement:?}");
    let Some(units) = settlement.coins.checked_div(rate.coins) else { return };
    assert_eq!(settlement.billed_sec, settlement.play_duration_sec.min(units * rate.unit_sec));
}

fn begun_units(play: Duration, rate: Rate) -> u64 {
    play.as_secs() / rate.unit_sec + 1
}
