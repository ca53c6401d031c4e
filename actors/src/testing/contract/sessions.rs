//! The contract of `Sessions`.

mod commits;
mod documents;
mod due;
mod lists;
mod settlements;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures_util::future::join_all;

use super::{Clause, NOW, TICK, clause};
use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::ids::{CafeId, CreditId, GameId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use crate::ports::{Commit, Committed, Durability, Sessions, Stored, Version};
use crate::session::{
    Account, Credit, Document, DocumentKey, EndReason, Launcher, LauncherSeat, Pc, Rate, Registration, Session,
    Settlement, Token,
};

/// Every clause of `Sessions`.
pub fn sessions() -> Vec<Clause> {
    let mut clauses = documents::clauses();
    clauses.extend(commits::clauses());
    clauses.extend(due::clauses());
    clauses.extend(lists::clauses());
    clauses.extend(settlements::clauses());
    clauses
}

/// A cafe, and the steps most clauses take in it.
struct Cafe {
    sessions: Arc<dyn Sessions>,
    id: CafeId,
    game: GameId,
    /// Makes the keys of this clause unlike those of every other.
    seed: u64,
}

type Changes = Vec<(DocumentKey, Option<Document>)>;

impl Cafe {
    fn of(ports: &Ports, game: GameId) -> Self {
        let mut hasher = DefaultHasher::new();
        game.hash(&mut hasher);
        let seed = hasher.finish();
        Self { sessions: ports.sessions.clone(), id: cafe_id(&format!("{seed:016x}")), game, seed }
    }

    /// Another cafe of the same clause. Their ids are in the order of the names, after the first one's.
    fn another(&self, name: &str) -> Self {
        let id = cafe_id(&format!("{}-{name}", self.id));
        Self { sessions: self.sessions.clone(), id, game: self.game.clone(), seed: self.seed }
    }

    fn token(&self, number: u64) -> DocumentKey {
        DocumentKey::Token(TokenId::from_random(self.bits(number)))
    }

    fn session_id(&self, number: u64) -> SessionId {
        SessionId::from_random(self.bits(number))
    }

    fn launcher(&self, number: u64) -> DocumentKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_be_bytes());
        key[24..].copy_from_slice(&number.to_be_bytes());
        DocumentKey::Launcher(LauncherKey(key))
    }

    fn bits(&self, number: u64) -> u128 {
        u128::from(self.seed) << 64 | u128::from(number)
    }

    async fn load(&self, keys: &[DocumentKey]) -> Vec<Stored> {
        self.sessions.load(&self.id, keys).await.expect("the store answers")
    }

    async fn get(&self, key: &DocumentKey) -> Stored {
        self.load(std::slice::from_ref(key)).await.remove(0)
    }

    async fn find(&self, key: &DocumentKey) -> Option<CafeId> {
        self.sessions.find(key).await.expect("the store answers")
    }

    async fn commit(&self, commit: Commit) -> Committed {
        self.sessions.commit(&self.id, &commit).await.expect("the store answers")
    }

    /// Makes changes to documents as they are now; says their new versions.
    async fn change(&self, durability: Durability, changes: Changes) -> Vec<Version> {
        self.decide(durability, changes, vec![]).await
    }

    async fn decide(&self, durability: Durability, changes: Changes, settlements: Vec<Settlement>) -> Vec<Version> {
        let keys: Vec<_> = changes.iter().map(|(key, _)| key.clone()).collect();
        let changes: Vec<_> = changes.into_iter().map(|(key, document)| (key, document.map(Arc::new))).collect();
        loop {
            let versions = self.load(&keys).await.into_iter().map(|stored| stored.version);
            let expected = keys.iter().cloned().zip(versions).collect();
            let commit = Commit { expected, changes: changes.clone(), settlements: settlements.clone(), durability };
            if let Committed::Done(versions) = self.commit(commit).await {
                return versions;
            }
        }
    }

    async fn put(&self, key: &DocumentKey, document: Document) -> Version {
        self.change(Durability::Now, vec![(key.clone(), Some(document))]).await[0]
    }

    async fn remove(&self, key: &DocumentKey) -> Version {
        self.change(Durability::Now, vec![(key.clone(), None)]).await[0]
    }

    /// A settlement of this cafe and game.
    fn settlement(&self, session: u64, ended_at: Timestamp) -> Settlement {
        Settlement {
            session_id: self.session_id(session),
            game_id: self.game.clone(),
            cafe_id: self.id.clone(),
            pc_id: pc_id("창가 3"),
            provider_user_id: PlayerId(i64::MIN),
            started_at: NOW,
            ended_at,
            end_reason: EndReason::ChargeExhausted,
            play_duration_sec: 61,
            billed_sec: 120,
            coins: u64::MAX,
            client_play_duration_sec: Some(60),
        }
    }
}

fn cafe_id(text: &str) -> CafeId {
    CafeId::parse(text).expect("a cafe id")
}

fn pc_id(text: &str) -> PcId {
    PcId::parse(text).expect("a PC id")
}

fn pc(name: &str) -> DocumentKey {
    DocumentKey::Pc(pc_id(name))
}

fn credit(name: &str) -> DocumentKey {
    DocumentKey::Credit(CreditId::parse(name).expect("a credit id"))
}

fn later(ticks: u32) -> Timestamp {
    NOW + TICK * ticks
}

/// An account whose balance tells it from others.
fn account(balance: u64) -> Document {
    Document::Account(Account { balance, credited: balance, charged: 0 })
}

/// A PC that something must happen to at `deadline`.
fn pc_until(deadline: Option<Timestamp>) -> Document {
    Document::Pc(Pc { launcher: None, session: None, deadline })
}

fn token(game: &GameId, deadline: Timestamp) -> Document {
    let launcher = LauncherKey([255; 32]);
    let token = Token { game: game.clone(), pc: pc_id("pc"), launcher, issued_at: NOW, used_at: None, deadline };
    Document::Token(token)
}

fn launcher(number: u64) -> Document {
    Document::Launcher(Launcher {
        id: LauncherId::from_random(number.into()),
        pc: pc_id("pc"),
        started_at: NOW,
        ended_at: Some(later(2)),
        about: "{\"os\":\"é\\u0000\"}".into(),
        deadline: later(3),
    })
}

fn session(game: &GameId) -> Document {
    Document::Session(Session {
        game: game.clone(),
        pc: pc_id("pc"),
        player: PlayerId(i64::MAX),
        rate: Rate { coins: 1, unit_sec: 60 },
        started_at: NOW,
        heartbeat_at: later(1),
        charged_units: u64::MAX,
        exhausted_at: None,
        grace_started_at: Some(later(2)),
        suspended_from: None,
        ended: None,
        deadline: Timestamp(i64::MAX),
    })
}

/// One document of every kind, all different.
fn one_of_each(cafe: &Cafe) -> Vec<(DocumentKey, Document)> {
    let seat =
        LauncherSeat { key: LauncherKey([1; 32]), id: LauncherId::from_random(u128::MAX), seen_at: Timestamp(-1) };
    let registration =
        Registration { secret: "hush".into(), networks: vec!["10.0.0.0/8".into(), "::1".into()], created_at: NOW };
    let full = Pc { launcher: Some(seat), session: Some(cafe.session_id(1)), deadline: Some(later(1)) };
    vec![
        (DocumentKey::Registration, Document::Registration(registration)),
        (DocumentKey::Account, account(u64::MAX)),
        (credit("a:b/c"), Document::Credit(Credit { coins: 5, balance: 7, deadline: later(1) })),
        (pc("window: 3"), Document::Pc(full)),
        (cafe.launcher(1), launcher(1)),
        (cafe.token(1), token(&cafe.game, later(1))),
        (DocumentKey::Session(cafe.session_id(1)), session(&cafe.game)),
    ]
}
