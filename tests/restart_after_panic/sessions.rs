//! A game session whose actor panics starts anew from its documents at the next call.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use guildhall::adapters::embedded::Embedded;
use guildhall_actors::backend::{Arrival, Backend, Ports};
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::ids::{CafeId, GameId, LauncherId, LauncherKey, NodeId, PcId, PlayerId, SessionId};
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::{Commit, Committed, Sessions, SettlementQuery, StoreError, Stored};
use guildhall_actors::session::{
    Beat, BeatResult, Document, DocumentKey, DocumentKind, End, GameSessions, Heartbeat, Rate, SessionError,
    Settlement, StartLauncher,
};
use tempfile::TempDir;

use super::stage::settings;
use crate::seed::amount;

const RATE: Rate = Rate { coins: 2, unit_sec: 60 };
const BALANCE: u64 = 1_000_000;
const LAUNCHER: LauncherKey = LauncherKey([7; 32]);

/// The store itself; a lit fuse panics at the next commit, before or after it took effect.
struct Fuse {
    sessions: Arc<dyn Sessions>,
    before: AtomicBool,
    after: AtomicBool,
    /// Tokens cannot be read back.
    tokens_are_unreadable: AtomicBool,
}

#[async_trait]
impl Sessions for Fuse {
    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        assert!(!self.before.swap(false, Ordering::SeqCst), "the fuse was lit");
        let committed = self.sessions.commit(cafe, commit).await;
        assert!(!self.after.swap(false, Ordering::SeqCst), "the fuse was lit");
        committed
    }

    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        self.sessions.find(key).await
    }

    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError> {
        let is_token = |key: &DocumentKey| key.kind() == DocumentKind::Token;
        if keys.iter().any(is_token) && self.tokens_are_unreadable.load(Ordering::SeqCst) {
            return Err(StoreError("stored data: unreadable".into()));
        }
        self.sessions.load(cafe, keys).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        self.sessions.due(now, limit).await
    }

    async fn list(
        &self,
        cafe: &CafeId,
        kind: DocumentKind,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError> {
        self.sessions.list(cafe, kind, after, limit).await
    }

    async fn cafes(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError> {
        self.sessions.cafes(after, limit).await
    }

    async fn settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        self.sessions.settlements(query).await
    }
}

/// A session, its registry, and a clock that the test moves.
struct Play {
    backend: Backend,
    registry: Rc<GameSessions>,
    fuse: Arc<Fuse>,
    now: Arc<AtomicI64>,
    cafe: CafeId,
    session: SessionId,
    _folder: TempDir,
}

impl Play {
    async fn begin() -> Self {
        let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
        let store = Embedded::open(&folder.path().join("data"), LogLimits::default(), Duration::from_secs(300));
        let ports = store.expect("a fresh folder opens").ports();
        let fuse = Arc::new(Fuse {
            sessions: ports.sessions.clone(),
            before: AtomicBool::new(false),
            after: AtomicBool::new(false),
            tokens_are_unreadable: AtomicBool::new(false),
        });
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let read = now.clone();
        let clock = Clock::new(move || Timestamp(read.load(Ordering::SeqCst)));
        let ports = Ports { sessions: fuse.clone(), ..ports };
        let backend = Backend::start(NodeId::new("stage"), ports, clock, settings(), [], rand::random);
        let (cafe, game) = (CafeId::parse("cafe").expect("a name"), GameId::new("game"));
        let works = "the store answers";
        backend.open_account(&cafe, BALANCE).await.expect(works);
        let (pc, id) = (PcId::parse("pc-1").expect("a name"), LauncherId::from_random(1));
        let about = String::new();
        backend.start_launcher(&cafe, StartLauncher { pc, key: LAUNCHER, id, about }).await.expect(works);
        let issued = backend.issue_token(LAUNCHER, game.clone(), RATE).await.expect(works);
        let token = issued.expect("the launcher lives").expect("there are coins");
        let arrival = Arrival { token, game, player: PlayerId(5001), rate: RATE };
        let session = backend.verify(arrival).await.expect(works).expect("the token is good");
        let registry = GameSessions::start(backend.clone(), Duration::from_secs(3600));
        Self { backend, registry, fuse, now, cafe, session, _folder: folder }
    }

    async fn beat(&self) -> Result<Beat, SessionError> {
        let ask = Heartbeat { session: self.session, game: GameId::new("game"), player: PlayerId(5001) };
        self.registry.ask(self.session, ask).await
    }

    async fn charged(&self) -> u64 {
        let cafe = self.backend.cafe(&self.cafe).await.expect("the store answers").expect("it has an account");
        assert_eq!(cafe.account.balance, BALANCE - cafe.account.charged);
        cafe.account.charged
    }
}

#[actix::test]
async fn a_session_that_panicked_answers_the_next_call_from_its_documents() {
    let play = Play::begin().await;
    play.beat().await.expect("it lives");
    play.now.fetch_add(10_000, Ordering::SeqCst);
    play.fuse.before.store(true, Ordering::SeqCst);
    assert!(matches!(play.beat().await, Err(SessionError::Store(_))), "whoever asked is told");
    let beat = play.beat().await.expect("it lives again");
    assert_eq!((beat.result, beat.play_duration_sec), (BeatResult::Ok, 10));
    assert_eq!(play.registry.len(), 1, "the dead one is gone");
}

#[actix::test]
async fn panics_before_and_after_commits_neither_lose_nor_repeat_a_charge() {
    let play = Play::begin().await;
    let rounds = amount("GUILDHALL_PANIC_ROUNDS", 50);
    for round in 0..rounds {
        play.now.fetch_add(60_000, Ordering::SeqCst);
        // The launcher is alive, too.
        let call = guildhall_actors::session::LauncherCall { launcher: LAUNCHER, id: LauncherId::from_random(1) };
        play.backend.launcher_heartbeat(call).await.expect("the store answers").expect("it lives");
        let fuse = if round % 2 == 0 { &play.fuse.before } else { &play.fuse.after };
        fuse.store(true, Ordering::SeqCst);
        play.beat().await.expect_err("it crashed");
        assert_eq!(play.beat().await.expect("it lives").result, BeatResult::Ok);
        assert_eq!(play.charged().await, (round as u64 + 2) * RATE.coins);
    }
    let ask = End { session: play.session, game: GameId::new("game"), client_play_duration_sec: None };
    let finished = play.registry.ask(play.session, ask).await.expect("it ends");
    assert_eq!(finished.play_duration_sec, rounds as u64 * 60);
}

/// More of them than one look of the sweeper takes in, and all of them due before the session.
#[actix::test]
async fn documents_that_cannot_be_swept_keep_no_session_waiting() {
    let play = Play::begin().await;
    for _ in 0..300 {
        let issued = play.backend.issue_token(LAUNCHER, GameId::new("game"), RATE).await;
        issued.expect("the store answers").expect("the launcher lives").expect("there are coins");
    }
    for _ in 0..6 {
        play.now.fetch_add(100_000, Ordering::SeqCst);
        let call = guildhall_actors::session::LauncherCall { launcher: LAUNCHER, id: LauncherId::from_random(1) };
        play.backend.launcher_heartbeat(call).await.expect("the store answers").expect("it lives");
        play.beat().await.expect("it lives");
    }
    play.fuse.tokens_are_unreadable.store(true, Ordering::SeqCst);
    play.now.fetch_add(300_000, Ordering::SeqCst);
    play.backend.sweep_cafes().await.expect("the store answers");
    let cafe = play.backend.cafe(&play.cafe).await.expect("the store answers").expect("it has an account");
    assert!(cafe.pcs.iter().all(|view| view.session.is_none()), "the session was settled");
}
