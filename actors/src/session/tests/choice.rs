//! What the callers of a history ask next: mostly what sensible callers would, at the worst of times.

use std::collections::BTreeMap;

use super::super::*;
use super::asks::Ask;
use super::calls::Arrival;
use super::invariants::{Status, rate_of, status};
use super::known::{KnownSession, KnownToken};
use super::world::{RATES, World, game};
use crate::ids::{CafeId, CreditId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use crate::testing::memory_sessions::Kept;

impl World {
    pub(super) fn any_ask(&mut self) -> Ask {
        match self.dice.below(100) {
            0..4 => self.start_launcher(),
            4..15 => self.issue_token(),
            15..31 => self.launcher_heartbeat(),
            31..33 => self.end_launcher(),
            33..40 => self.verify(),
            40..70 => self.sign_of_life().map_or_else(|| self.issue_token(), Ask::Heartbeat),
            70..74 => self.check_session(),
            74..79 => self.end(),
            79..81 => self.terminate(),
            81..88 => self.credit(),
            88..92 => self.sweep_document(),
            _ => Ask::Sweep,
        }
    }

    fn start_launcher(&mut self) -> Ask {
        let cafe = self.cafe();
        let pc = self.dice.pick(&self.known.pcs).clone();
        self.launcher_on(cafe, pc)
    }

    pub(super) fn launcher_on(&mut self, cafe: CafeId, pc: PcId) -> Ask {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&self.dice.bits().to_le_bytes());
        let (key, id) = (LauncherKey(key), LauncherId::from_random(self.dice.bits()));
        Ask::StartLauncher(cafe, StartLauncher { pc, key, id, about: String::new() })
    }

    fn cafe(&mut self) -> CafeId {
        self.dice.pick(&self.known.cafes).0.clone()
    }

    /// Mostly one that has its PC and is not silent.
    fn launcher_call(&mut self) -> Option<LauncherCall> {
        let now = self.now();
        let seated: Vec<_> = self.store.look(|kept| {
            let seats = documents(kept).filter_map(|document| match document {
                Document::Pc(pc) => pc.launcher.as_ref(),
                _ => None,
            });
            let heard = seats.filter(|seat| now.since(seat.seen_at).as_secs() < 240);
            heard.map(|seat| LauncherCall { launcher: seat.key, id: seat.id }).collect()
        });
        if self.dice.chance(950) {
            return (!seated.is_empty()).then(|| *self.dice.pick(&seated));
        }
        let launchers = &self.known.launchers;
        (!launchers.is_empty()).then(|| self.dice.pick(launchers).1)
    }

    fn launcher_heartbeat(&mut self) -> Ask {
        self.launcher_call().map_or_else(|| self.start_launcher(), Ask::LauncherHeartbeat)
    }

    fn end_launcher(&mut self) -> Ask {
        self.launcher_call().map_or_else(|| self.start_launcher(), Ask::EndLauncher)
    }

    fn issue_token(&mut self) -> Ask {
        let Some(LauncherCall { launcher, .. }) = self.launcher_call() else { return self.start_launcher() };
        let number = *self.dice.pick(&self.known.games);
        let new_token = TokenId::from_random(self.dice.bits());
        Ask::IssueToken(IssueToken { launcher, game: game(number), rate: RATES[number], new_token })
    }

    /// Who has a token usually comes with it.
    pub(super) fn arrive_soon(&mut self, token: &KnownToken) {
        if self.dice.chance(850) {
            let ask = self.arrival(token);
            self.later(ask);
        }
    }

    /// Mostly with a token that is still good.
    fn verify(&mut self) -> Ask {
        let now = self.now();
        let good: Vec<_> = self.store.look(|kept| {
            let is_good = |token: &&KnownToken| {
                let mut tokens =
                    kept.cafes.values().filter_map(|documents| documents.get(&DocumentKey::Token(token.id)));
                tokens.any(|(_, document)| match &**document {
                    Document::Token(token) => token.used_at.is_none() && now.since(token.issued_at).as_secs() < 60,
                    _ => false,
                })
            };
            self.known.tokens.iter().filter(is_good).cloned().collect()
        });
        let among = if self.dice.chance(150) { &self.known.tokens } else { &good };
        if among.is_empty() && self.dice.chance(900) {
            return self.issue_token();
        }
        if among.is_empty() || self.dice.chance(30) {
            let id = TokenId::from_random(self.dice.bits());
            return self.arrival(&KnownToken { id, game: game(0), launcher: LauncherKey([0; 32]) });
        }
        let token = self.dice.pick(among).clone();
        self.arrival(&token)
    }

    fn arrival(&mut self, token: &KnownToken) -> Ask {
        let game = if self.dice.chance(30) { game(self.dice.below(RATES.len())) } else { token.game.clone() };
        let rate = rate_of(&RATES, &game);
        let player = PlayerId(self.dice.below(3) as i64);
        let new_session = SessionId::from_random(self.dice.bits());
        self.known.attempt(token.id, KnownSession { id: new_session, game: game.clone(), player });
        Ask::Verify(Arrival { token: token.id, game, player, rate, new_session, is_suspended: self.dice.chance(20) })
    }

    /// A caller asks again. What a node makes up for a call, it makes up anew.
    pub(super) fn again(&mut self, ask: Ask) -> Ask {
        match ask {
            Ask::StartLauncher(cafe, ask) => self.launcher_on(cafe, ask.pc),
            Ask::IssueToken(ask) => {
                Ask::IssueToken(IssueToken { new_token: TokenId::from_random(self.dice.bits()), ..ask })
            }
            Ask::Verify(arrival) => {
                let Arrival { token, game, player, .. } = arrival.clone();
                let new_session = SessionId::from_random(self.dice.bits());
                self.known.attempt(token, KnownSession { id: new_session, game, player });
                Ask::Verify(Arrival { new_session, ..arrival })
            }
            other => other,
        }
    }

    /// Of a session, mostly a live one; now and then as somebody else, or of one that nobody knows.
    fn sign_of_life(&mut self) -> Option<Heartbeat> {
        if self.dice.chance(10) {
            let session = SessionId::from_random(self.dice.bits());
            return Some(Heartbeat { session, game: game(0), player: PlayerId(0) });
        }
        let sessions = &self.known.sessions;
        let found = |wanted: fn(Status) -> bool| -> Vec<_> {
            let is_wanted = |kept: &Kept, session: &KnownSession| wanted(status(kept, session.id));
            self.store.look(|kept| sessions.iter().filter(|session| is_wanted(kept, session)).cloned().collect())
        };
        let among = match self.dice.below(100) {
            0..4 => sessions.clone(),
            4..20 => found(|status| matches!(status, Status::Over(..))),
            _ => found(|status| status == Status::Live),
        };
        if among.is_empty() {
            return None;
        }
        let KnownSession { id, game: of, player } = self.dice.pick(&among).clone();
        let of = if self.dice.chance(20) { game(self.dice.below(RATES.len())) } else { of };
        let player = if self.dice.chance(20) { PlayerId(9) } else { player };
        Some(Heartbeat { session: id, game: of, player })
    }

    fn check_session(&mut self) -> Ask {
        let Some(Heartbeat { session, game, player }) = self.sign_of_life() else { return self.verify() };
        Ask::Check(Check { session, game, player })
    }

    fn end(&mut self) -> Ask {
        let Some(Heartbeat { session, game, .. }) = self.sign_of_life() else { return self.verify() };
        let client_play_duration_sec = self.dice.chance(500).then_some(7);
        Ask::End(End { session, game, client_play_duration_sec })
    }

    fn terminate(&mut self) -> Ask {
        let session = self.sign_of_life().map(|of| of.session);
        let cafe = session.and_then(|session| self.store.look(|kept| cafe_of(kept, &DocumentKey::Session(session))));
        let (Some(session), Some(cafe)) = (session, cafe) else { return Ask::Sweep };
        Ask::Terminate(cafe, Terminate { session, reason: EndReason::Suspended })
    }

    /// Some under an id; the id says how many coins.
    fn credit(&mut self) -> Ask {
        let cafe = self.cafe();
        let coins = self.dice.pick(&[1, 5, 7, 40]).to_owned();
        let id = self.dice.chance(600).then(|| CreditId::parse(&format!("credit-{coins}")).expect("a credit id"));
        Ask::Credit(cafe, CreditAccount { id, coins })
    }

    /// A sweeper may look at anything: what it was told may be old.
    fn sweep_document(&mut self) -> Ask {
        let all: Vec<_> = self.store.look(|kept| {
            let all = kept.cafes.iter().flat_map(|(cafe, documents)| documents.keys().map(move |key| (cafe, key)));
            all.map(|(cafe, key)| (cafe.clone(), key.clone())).collect()
        });
        let (cafe, key) = self.dice.pick(&all).clone();
        Ask::SweepDocument(cafe, key)
    }
}

fn documents(kept: &Kept) -> impl Iterator<Item = &Document> {
    kept.cafes.values().flat_map(BTreeMap::values).map(|(_, document)| &**document)
}

fn cafe_of(kept: &Kept, key: &DocumentKey) -> Option<CafeId> {
    let mut cafes = kept.cafes.iter();
    cafes.find(|(_, documents)| documents.contains_key(key)).map(|(cafe, _)| cafe.clone())
}
