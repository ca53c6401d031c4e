//! What the callers of a history know: what they were given, and what they were promised.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use super::invariants::{Status, as_session, status};
use super::world::{RATES, RICHES, pc};
use crate::clock::Timestamp;
use crate::ids::{CafeId, CreditId, GameId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use crate::limits::SessionLimits;
use crate::ports::Durability;
use crate::testing::Dice;
use crate::testing::memory_sessions::{Documents, Kept};

/// See the module's text.
pub(super) struct Known {
    /// With what each began.
    pub(super) cafes: Vec<(CafeId, u64)>,
    pub(super) pcs: Vec<PcId>,
    pub(super) games: Vec<usize>,
    pub(super) launchers: Vec<(CafeId, LauncherCall)>,
    pub(super) tokens: Vec<KnownToken>,
    /// Sessions that were answered `Valid`, and those that may have begun although the answer was lost.
    pub(super) sessions: Vec<KnownSession>,
    /// Which token a session would come from.
    attempts: BTreeMap<SessionId, TokenId>,
    /// What was answered `Valid`.
    valid: BTreeMap<TokenId, SessionId>,
    played: BTreeMap<SessionId, Played>,
    /// Sessions whose end was answered with success.
    finished: BTreeSet<SessionId>,
    credits: BTreeMap<CafeId, Credits>,
}

#[derive(Clone, Debug)]
pub(super) struct KnownToken {
    pub(super) id: TokenId,
    pub(super) game: GameId,
    pub(super) launcher: LauncherKey,
}

#[derive(Clone, Debug)]
pub(super) struct KnownSession {
    pub(super) id: SessionId,
    pub(super) game: GameId,
    pub(super) player: PlayerId,
}

/// Longest play the callers of a session were told of.
#[derive(Clone, Copy, Default)]
struct Played {
    /// By any answer. A crash may take back what no `Now` answer has confirmed: then the session was last heard of
    /// earlier than was answered. So the promise is: no answer and no settlement tells of less play, unless a crash
    /// lies between, and even then not of less than an answer that was durable.
    told: u64,
    durable: u64,
}

/// Coins that were given to a cafe.
#[derive(Default)]
struct Credits {
    must: u64,
    /// Of calls that were never answered, and repeats after the id was forgotten.
    may: u64,
    by_id: BTreeMap<CreditId, GivenCredit>,
}

struct GivenCredit {
    coins: u64,
    is_answered: bool,
    /// No earlier than this it is forgotten that it was given.
    forgotten_at: Timestamp,
}

impl Known {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let cafe = |name: &str| CafeId::parse(name).expect("a cafe id");
        let poor = *dice.pick(&[0, 1, 3, 8, 20, 60, 300]);
        let rich = dice.chance(600).then(|| (cafe("rich"), RICHES));
        let cafes: Vec<_> = [(cafe("poor"), poor)].into_iter().chain(rich).collect();
        let credits = cafes.iter().map(|(cafe, _)| (cafe.clone(), Credits::default())).collect();
        let pcs = (0..=dice.below(2)).map(pc).collect();
        let games = (0..=dice.below(RATES.len())).map(|_| dice.below(RATES.len())).collect();
        let (launchers, tokens, sessions) = Default::default();
        let (attempts, valid, played, finished) = Default::default();
        Self { cafes, pcs, games, launchers, tokens, sessions, attempts, valid, played, finished, credits }
    }

    pub(super) fn is_rich(&self, cafe: &CafeId) -> bool {
        self.cafes.iter().any(|(known, balance)| known == cafe && *balance == RICHES)
    }

    /// The session a token would have become or has become.
    pub(super) fn attempts_of(&self, token: TokenId) -> impl Iterator<Item = SessionId> {
        self.attempts.iter().filter(move |(_, of)| **of == token).map(|(session, _)| *session)
    }

    pub(super) fn session(&self, id: SessionId) -> Option<&KnownSession> {
        self.sessions.iter().find(|session| session.id == id)
    }

    pub(super) fn attempt(&mut self, token: TokenId, session: KnownSession) {
        self.attempts.insert(session.id, token);
        self.sessions.push(session);
    }

    pub(super) fn begun(&mut self, token: TokenId, session: SessionId) {
        let earlier = self.valid.insert(token, session);
        assert!(earlier.is_none_or(|earlier| earlier == session), "a second session of {token:?}");
    }

    pub(super) fn played(&self, session: SessionId) -> u64 {
        self.played.get(&session).map_or(0, |played| played.told)
    }

    pub(super) fn told(&mut self, session: SessionId, play_duration_sec: u64, durability: Durability) {
        let played = self.played.entry(session).or_default();
        played.told = played.told.max(play_duration_sec);
        if durability == Durability::Now {
            played.durable = played.durable.max(play_duration_sec);
        }
    }

    pub(super) fn finished(&mut self, session: SessionId) {
        assert!(self.finished.insert(session), "ended with success twice: {session}");
    }

    /// A credit is asked for; `credited` tells it again with the answer.
    pub(super) fn crediting(&mut self, cafe: &CafeId, ask: &CreditAccount, now: Timestamp, latest: Timestamp) {
        let credits = self.credits.get_mut(cafe).expect("a known cafe");
        let forgotten_at = now + SessionLimits::default().credit;
        let is_repeat = ask.id.as_ref().is_some_and(|id| match credits.by_id.get(id) {
            Some(given) => latest < given.forgotten_at,
            None => {
                let given = GivenCredit { coins: ask.coins, is_answered: false, forgotten_at };
                credits.by_id.insert(id.clone(), given);
                false
            }
        });
        if !is_repeat {
            credits.may += ask.coins;
        }
    }

    pub(super) fn credited(&mut self, cafe: &CafeId, ask: &CreditAccount) {
        let credits = self.credits.get_mut(cafe).expect("a known cafe");
        if let Some(id) = &ask.id {
            let given = credits.by_id.get_mut(id).expect("it was asked for");
            assert_eq!(given.coins, ask.coins, "{id:?} was used for other coins");
            if std::mem::replace(&mut given.is_answered, true) {
                return;
            }
        }
        credits.may -= ask.coins;
        credits.must += ask.coins;
    }

    /// What was never confirmed for good may be lost; what was is there.
    pub(super) fn crash(&mut self, kept: &Kept) {
        for played in self.played.values_mut() {
            played.told = played.durable;
        }
        for (token, session) in &self.valid {
            assert_ne!(status(kept, *session), Status::None, "the session of {token:?} is lost");
        }
        for session in &self.finished {
            assert!(matches!(status(kept, *session), Status::Over(..)), "the end of {session} is lost");
        }
    }

    pub(super) fn check(&self, kept: &Kept) {
        let mut tokens = BTreeSet::new();
        for settlement in &kept.settlements {
            let token = self.attempts.get(&settlement.session_id).expect("a session that was asked for");
            assert!(tokens.insert(token), "two sessions of {token:?}");
            let played = self.played(settlement.session_id);
            assert!(
                settlement.play_duration_sec >= played,
                "settled for less than the {played} s told: {settlement:?}"
            );
        }
        for (cafe, documents) in &kept.cafes {
            for (key, (_, document)) in documents {
                if let (DocumentKey::Session(id), Some(session)) = (key, as_session(document))
                    && session.ended.is_none()
                {
                    let token = self.attempts.get(id).expect("a session that was asked for");
                    assert!(tokens.insert(token), "two sessions of {token:?}");
                    let heard = session.heartbeat_at.since(session.started_at).as_secs();
                    assert!(heard >= self.played(*id), "less play than was told: {session:?}");
                }
            }
            self.check_credits(cafe, documents);
        }
    }

    fn check_credits(&self, cafe: &CafeId, documents: &Documents) {
        let Some((_, account)) = documents.get(&DocumentKey::Account) else { return };
        let Document::Account(account) = &**account else { return };
        let opened = self.cafes.iter().find(|(known, _)| known == cafe).expect("a known cafe").1;
        let Credits { must, may, .. } = &self.credits[cafe];
        let given = account.credited - opened;
        assert!((*must..=must + may).contains(&given), "{given} coins were given instead of {must} and at most {may}");
    }

    /// Everything is over: each session that anybody knows of has its one settlement.
    pub(super) fn check_end(&self, kept: &Kept) {
        for session in self.valid.values() {
            let settlements = kept.settlements.iter().filter(|settlement| settlement.session_id == *session);
            assert_eq!(settlements.count(), 1, "settlements of {session}");
        }
        for (cafe, documents) in &kept.cafes {
            let Some(Document::Account(account)) =
                documents.get(&DocumentKey::Account).map(|(_, document)| &**document)
            else {
                continue;
            };
            let of_cafe = kept.settlements.iter().filter(|settlement| settlement.cafe_id == *cafe);
            assert_eq!(account.charged, of_cafe.map(|settlement| settlement.coins).sum::<u64>());
        }
    }
}
