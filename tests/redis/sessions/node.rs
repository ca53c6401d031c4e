//! The calls of a node on its store, as `Backend` makes them, without actors.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::ids::{CafeId, GameId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use guildhall_actors::limits::SessionLimits;
use guildhall_actors::ports::{Sessions, StoreError};
use guildhall_actors::session::{
    Clearance, CreditAccount, DocumentKey, End, EndReason, Heartbeat, IssueToken, Memory, Rate, StartLauncher,
    Terminate, Transactor, Verdict, Verify, View, rules,
};

const START: i64 = 1_800_000_000_000;
const PLAYER: PlayerId = PlayerId(7);

/// The time of a history, which its nodes share.
#[derive(Clone, Default)]
pub(super) struct Time(Arc<AtomicI64>);

impl Time {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(START + self.0.load(Ordering::Relaxed))
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) store: Arc<Redis>,
    transactor: Transactor,
    limits: SessionLimits,
    time: Time,
}

pub(super) fn cafe() -> CafeId {
    CafeId::parse("cafe").expect("a cafe id")
}

fn game() -> GameId {
    GameId::new("game")
}

fn rate() -> Rate {
    Rate { coins: 1, unit_sec: 60 }
}

impl Node {
    pub(super) fn new(redis: Redis, time: &Time) -> Self {
        let (store, clock) = (Arc::new(redis), time.clone());
        let transactor = Transactor::new(store.clone(), Clock::new(move || clock.now()));
        Self { store, transactor, limits: SessionLimits::default(), time: time.clone() }
    }

    pub(super) async fn open_account(&self, balance: u64) -> Result<(), StoreError> {
        let rule = |view: &View<'_>, _| rules::open_account(view, balance);
        self.transactor.transact(&cafe(), &mut Memory::default(), &[DocumentKey::Account], rule).await.map(drop)
    }

    pub(super) async fn credit(&self, coins: u64) -> Result<(), StoreError> {
        let ask = CreditAccount { id: None, coins };
        let rule = |view: &View<'_>, now| rules::credit(view, &ask, &self.limits, now);
        self.transactor.transact(&cafe(), &mut Memory::default(), &[DocumentKey::Account], rule).await.map(drop)
    }

    /// A launcher on this PC, a token for it, and the session that begins with it; `None` without coins.
    pub(super) async fn begin(&self, pc: &str, bits: u128) -> Result<Option<SessionId>, StoreError> {
        let mut key = LauncherKey([0; 32]);
        key.0[..16].copy_from_slice(&bits.to_be_bytes());
        let pc = PcId::parse(pc).expect("a PC id");
        let ask = StartLauncher { pc, key, id: LauncherId::from_random(bits), about: "{}".into() };
        let memory = &mut Memory::default();
        let rule = |view: &View<'_>, now| rules::start_launcher(view, &ask, &self.limits, now);
        self.transactor.transact(&cafe(), memory, &[], rule).await?;
        let new_token = TokenId::from_random(bits);
        let ask = IssueToken { launcher: key, game: game(), rate: rate(), new_token };
        let rule = |view: &View<'_>, now| rules::issue_token(view, &ask, &self.limits, now);
        self.transactor.transact(&cafe(), memory, &[], rule).await?;
        let token = DocumentKey::Token(new_token);
        let Some(found) = self.store.find(&token).await? else { return Ok(None) };
        let (new_session, clearance) = (SessionId::from_random(bits), Clearance::Welcome);
        let ask = Verify { token: new_token, game: game(), player: PLAYER, rate: rate(), new_session, clearance };
        let rule = |view: &View<'_>, now| rules::verify(view, &ask, &self.limits, now);
        let told = self.transactor.transact(&found, memory, &[token, DocumentKey::Account], rule).await?;
        Ok(if let Verdict::Valid(session) = told.reply { Some(session) } else { None })
    }

    pub(super) async fn heartbeat(&self, memory: &mut Memory, session: SessionId) -> Result<bool, StoreError> {
        let ask = Heartbeat { session, game: game(), player: PLAYER };
        let rule = |view: &View<'_>, now| rules::heartbeat(view, &ask, &self.limits, now);
        let told = self.transactor.transact(&cafe(), memory, &[DocumentKey::Session(session)], rule).await?;
        Ok(told.reply.is_ok())
    }

    pub(super) async fn end(&self, memory: &mut Memory, session: SessionId) -> Result<bool, StoreError> {
        let ask = End { session, game: game(), client_play_duration_sec: None };
        let rule = |view: &View<'_>, now| rules::end(view, &ask, &self.limits, now);
        let told = self.transactor.transact(&cafe(), memory, &[DocumentKey::Session(session)], rule).await?;
        Ok(told.reply.is_ok())
    }

    pub(super) async fn terminate(&self, session: SessionId) -> Result<bool, StoreError> {
        let ask = Terminate { session, reason: EndReason::Suspended };
        let rule = |view: &View<'_>, now| rules::terminate(view, &ask, &self.limits, now);
        let key = [DocumentKey::Session(session)];
        Ok(self.transactor.transact(&cafe(), &mut Memory::default(), &key, rule).await?.reply)
    }

    /// Looks at everything that is due at this moment; says how much there was to do.
    pub(super) async fn sweep(&self) -> Result<usize, StoreError> {
        let mut swept = 0;
        for (cafe, key) in self.store.due(self.time.now(), 1_000).await? {
            let rule = |view: &View<'_>, now| rules::sweep(view, &key, &self.limits, now);
            let memory = &mut Memory::default();
            let told = self.transactor.transact(&cafe, memory, std::slice::from_ref(&key), rule).await?;
            swept += usize::from(told.reply);
        }
        Ok(swept)
    }
}
