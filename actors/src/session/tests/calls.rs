//! The calls of a node on a store, as `Backend` makes them, without actors and without waiting for real.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::super::rules;
use super::super::*;
use crate::clock::{Clock, Timestamp};
use crate::ids::{CafeId, GameId, LauncherKey, PlayerId, SessionId, TokenId};
use crate::limits::SessionLimits;
use crate::ports::StoreError;
use crate::testing::MemorySessions;

/// A decision that has taken effect, or the store's failure.
pub(super) type Told<T> = Result<Decision<T>, StoreError>;

/// A node: rules and limits over a store it may share.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) transactor: Transactor,
    pub(super) limits: Arc<SessionLimits>,
    clock: Clock,
}

/// A player who wants to play.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) token: TokenId,
    pub(super) game: GameId,
    pub(super) player: PlayerId,
    pub(super) rate: Rate,
    pub(super) new_session: SessionId,
    pub(super) is_suspended: bool,
}

impl Node {
    pub(super) fn new(store: Arc<MemorySessions>, clock: Clock) -> Self {
        Self { transactor: Transactor::new(store, clock.clone()), limits: Arc::default(), clock }
    }

    /// The same node after a restart.
    pub(super) fn restarted(&self, store: Arc<MemorySessions>) -> Self {
        Self { limits: self.limits.clone(), ..Self::new(store, self.clock.clone()) }
    }

    async fn decide<T>(
        &self,
        cafe: &CafeId,
        memory: &mut Memory,
        prefetch: &[DocumentKey],
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<T>, Need>,
    ) -> Told<T> {
        self.transactor.transact(cafe, memory, prefetch, |view, now| rule(view, &self.limits, now)).await
    }

    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        self.transactor.sessions().find(key).await
    }

    pub(super) async fn open_account(&self, cafe: &CafeId, balance: u64) -> Told<bool> {
        let rule = |view: &View<'_>, _: &SessionLimits, _| rules::open_account(view, balance);
        self.decide(cafe, &mut Memory::default(), &[DocumentKey::Account], rule).await
    }

    pub(super) async fn register(&self, cafe: &CafeId, ask: &Register) -> Told<bool> {
        let rule = |view: &View<'_>, _: &SessionLimits, now| rules::register(view, ask, now);
        self.decide(cafe, &mut Memory::default(), &[], rule).await
    }

    pub(super) async fn credit(&self, cafe: &CafeId, ask: &CreditAccount) -> Told<Result<Credited, CreditRefusal>> {
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::credit(view, ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &[DocumentKey::Account], rule).await
    }

    pub(super) async fn start_launcher(&self, cafe: &CafeId, ask: &StartLauncher) -> Told<()> {
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::start_launcher(view, ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &[], rule).await
    }

    async fn ask_launcher<T>(
        &self,
        launcher: LauncherKey,
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<Result<T, LauncherRefusal>>, Need>,
    ) -> Told<Result<T, LauncherRefusal>> {
        let key = DocumentKey::Launcher(launcher);
        let Some(cafe) = self.find(&key).await? else {
            return Ok(Decision::nothing().answer(Err(LauncherRefusal::WrongToken)));
        };
        self.decide(&cafe, &mut Memory::default(), &[key, DocumentKey::Account], rule).await
    }

    pub(super) async fn issue_token(&self, ask: &IssueToken) -> Told<Result<Issued, LauncherRefusal>> {
        self.ask_launcher(ask.launcher, |view, limits, now| rules::issue_token(view, ask, limits, now)).await
    }

    pub(super) async fn launcher_heartbeat(&self, ask: &LauncherCall) -> Told<Result<LauncherBeat, LauncherRefusal>> {
        self.ask_launcher(ask.launcher, |view, limits, now| rules::launcher_heartbeat(view, ask, limits, now)).await
    }

    pub(super) async fn end_launcher(&self, ask: &LauncherCall) -> Told<Result<(), LauncherRefusal>> {
        self.ask_launcher(ask.launcher, |view, limits, now| rules::end_launcher(view, ask, limits, now)).await
    }

    pub(super) async fn verify(&self, arrival: &Arrival) -> Told<Verdict> {
        let key = DocumentKey::Token(arrival.token);
        let Some(cafe) = self.find(&key).await? else {
            return Ok(Decision::nothing().answer(Verdict::Refused(VerifyRefusal::OttExpired)));
        };
        let prefetch = [key, DocumentKey::Account];
        let mut clearance = Clearance::Unasked;
        loop {
            let Arrival { token, game, player, rate, new_session, is_suspended } = arrival.clone();
            let ask = Verify { token, game, player, rate, new_session, clearance };
            let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::verify(view, &ask, limits, now);
            let told = self.decide(&cafe, &mut Memory::default(), &prefetch, rule).await?;
            match told.reply {
                Verdict::AskPlayer => clearance = if is_suspended { Clearance::Suspended } else { Clearance::Welcome },
                Verdict::Valid(_) | Verdict::Refused(_) => return Ok(told),
            }
        }
    }

    /// As the actor of the session decides.
    async fn ask_session<T>(
        &self,
        session: SessionId,
        memory: &mut Memory,
        rule: impl Fn(&View<'_>, &SessionLimits, Timestamp) -> Result<Decision<Result<T, Refusal>>, Need>,
    ) -> Told<Result<T, Refusal>> {
        let key = DocumentKey::Session(session);
        let Some(cafe) = self.find(&key).await? else {
            return Ok(Decision::nothing().answer(Err(Refusal::NotFound)));
        };
        self.decide(&cafe, memory, &[key], rule).await
    }

    pub(super) async fn heartbeat(&self, memory: &mut Memory, ask: &Heartbeat) -> Told<Result<Beat, Refusal>> {
        self.ask_session(ask.session, memory, |view, limits, now| rules::heartbeat(view, ask, limits, now)).await
    }

    pub(super) async fn check(&self, memory: &mut Memory, ask: &Check) -> Told<Result<Checked, Refusal>> {
        self.ask_session(ask.session, memory, |view, limits, now| rules::check(view, ask, limits, now)).await
    }

    pub(super) async fn end(&self, memory: &mut Memory, ask: &End) -> Told<Result<Finished, Refusal>> {
        self.ask_session(ask.session, memory, |view, limits, now| rules::end(view, ask, limits, now)).await
    }

    pub(super) async fn terminate(&self, cafe: &CafeId, ask: &Terminate) -> Told<bool> {
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::terminate(view, ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &[DocumentKey::Session(ask.session)], rule).await
    }

    pub(super) async fn suspend(&self, cafe: &CafeId, ask: &Suspend) -> Told<bool> {
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::suspend(view, ask, limits, now);
        self.decide(cafe, &mut Memory::default(), &[DocumentKey::Session(ask.session)], rule).await
    }

    pub(super) async fn sweep_document(&self, cafe: &CafeId, key: &DocumentKey) -> Told<bool> {
        let rule = |view: &View<'_>, limits: &SessionLimits, now| rules::sweep(view, key, limits, now);
        self.decide(cafe, &mut Memory::default(), std::slice::from_ref(key), rule).await
    }

    /// Looks at everything that is due at this moment.
    pub(super) async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut swept = 0;
        for (cafe, key) in self.transactor.sessions().due(now, usize::MAX).await? {
            swept += usize::from(self.sweep_document(&cafe, &key).await?.reply);
        }
        Ok(swept)
    }
}

/// Polls until it is done: nothing here waits for anything else.
pub(super) fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}
