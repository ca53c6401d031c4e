//! A driver for stories: one cafe, one call after the other, the time in seconds since the story began.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::super::*;
use super::calls::{Arrival, Node, finish};
use crate::clock::{Clock, Timestamp};
use crate::ids::{CafeId, CreditId, GameId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use crate::limits::SessionLimits;
use crate::testing::MemorySessions;

/// When every story begins.
const BEGIN: Timestamp = Timestamp(1_800_000_000_000);
pub(super) const PLAYER: PlayerId = PlayerId(7);
/// A minute a coin, unless the story says otherwise.
pub(super) const MINUTE_A_COIN: Rate = Rate { coins: 1, unit_sec: 60 };

/// See the module's text. The same fresh ids come in every story: 1, 2, 3.
pub(super) struct Story {
    pub(super) store: Arc<MemorySessions>,
    clock: Arc<AtomicI64>,
    pub(super) node: Node,
    pub(super) rate: Rate,
    last_id: u128,
}

/// A launcher with the PC it is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Started {
    pub(super) call: LauncherCall,
}

/// What an answer says of a wait, in seconds, and of play.
pub(super) type Signs = Result<(BeatResult, u64, u64), Refusal>;

impl Story {
    /// A cafe with so many coins.
    pub(super) fn with_coins(coins: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(BEGIN.0));
        let store = Arc::new(MemorySessions::new(0));
        let read = clock.clone();
        let node = Node::new(store.clone(), Clock::new(move || Timestamp(read.load(Ordering::Relaxed))));
        let story = Self { store, clock, node, rate: MINUTE_A_COIN, last_id: 0 };
        assert!(finish(story.node.open_account(&cafe(), coins)).unwrap().reply);
        story
    }

    pub(super) fn priced(self, coins: u64, unit_sec: u64) -> Self {
        Self { rate: Rate { coins, unit_sec }, ..self }
    }

    pub(super) fn limited(mut self, change: impl FnOnce(&mut SessionLimits)) -> Self {
        change(Arc::make_mut(&mut self.node.limits));
        self
    }

    /// It is now so many seconds after the beginning.
    pub(super) fn at(&mut self, sec: u64) -> &mut Self {
        self.at_ms(sec as i64 * 1000)
    }

    pub(super) fn at_ms(&mut self, millis: i64) -> &mut Self {
        self.clock.store(BEGIN.0 + millis, Ordering::Relaxed);
        self
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    fn fresh(&mut self) -> u128 {
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn launcher(&mut self, on: &str) -> Started {
        let id = self.fresh();
        let call = LauncherCall { launcher: LauncherKey([id as u8; 32]), id: LauncherId::from_random(id) };
        let ask = StartLauncher { pc: pc(on), key: call.launcher, id: call.id, about: "windows".into() };
        finish(self.node.start_launcher(&cafe(), &ask)).unwrap();
        Started { call }
    }

    pub(super) fn issue(&mut self, launcher: Started) -> Result<Issued, LauncherRefusal> {
        let new_token = TokenId::from_random(self.fresh());
        let ask = IssueToken { launcher: launcher.call.launcher, game: game(), rate: self.rate, new_token };
        finish(self.node.issue_token(&ask)).unwrap().reply
    }

    pub(super) fn token(&mut self, launcher: Started) -> TokenId {
        self.issue(launcher).expect("a live launcher").expect("coins for the first unit")
    }

    pub(super) fn arrival(&mut self, token: TokenId) -> Arrival {
        let new_session = SessionId::from_random(self.fresh());
        Arrival { token, game: game(), player: PLAYER, rate: self.rate, new_session, is_suspended: false }
    }

    pub(super) fn arrive(&self, arrival: &Arrival) -> Result<SessionId, VerifyRefusal> {
        match finish(self.node.verify(arrival)).unwrap().reply {
            Verdict::Valid(session) => Ok(session),
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::AskPlayer => panic!("the node asks the player itself"),
        }
    }

    pub(super) fn verify(&mut self, token: TokenId) -> Result<SessionId, VerifyRefusal> {
        let arrival = self.arrival(token);
        self.arrive(&arrival)
    }

    /// From nothing to a session, in an instant.
    pub(super) fn begin(&mut self, on: &str) -> SessionId {
        let launcher = self.launcher(on);
        self.begin_with(launcher)
    }

    pub(super) fn begin_with(&mut self, launcher: Started) -> SessionId {
        let token = self.token(launcher);
        self.verify(token).expect("a good token")
    }

    pub(super) fn beat_as(&self, session: SessionId, game: GameId, player: PlayerId) -> Result<Beat, Refusal> {
        finish(self.node.heartbeat(&mut Memory::default(), &Heartbeat { session, game, player })).unwrap().reply
    }

    pub(super) fn beat(&self, session: SessionId) -> Signs {
        let beat = self.beat_as(session, game(), PLAYER)?;
        Ok((beat.result, beat.next_heartbeat_in.as_secs(), beat.play_duration_sec))
    }

    /// With a sign of life of the launcher before it.
    pub(super) fn beat_with(&self, launcher: Started, session: SessionId) -> Signs {
        self.launcher_beat(launcher).expect("a live launcher");
        self.beat(session)
    }

    pub(super) fn check_as(&self, session: SessionId, game: GameId, player: PlayerId) -> Result<Checked, Refusal> {
        finish(self.node.check(&mut Memory::default(), &Check { session, game, player })).unwrap().reply
    }

    pub(super) fn check(&self, session: SessionId) -> Result<(u64, u64), Refusal> {
        let checked = self.check_as(session, game(), PLAYER)?;
        Ok((checked.next_heartbeat_in.as_secs(), checked.play_duration_sec))
    }

    pub(super) fn end_with(&self, session: SessionId, game: GameId, client: Option<u64>) -> Result<u64, Refusal> {
        let ask = End { session, game, client_play_duration_sec: client };
        let told = finish(self.node.end(&mut Memory::default(), &ask)).unwrap();
        told.reply.map(|finished| finished.play_duration_sec)
    }

    pub(super) fn end(&self, session: SessionId) -> Result<u64, Refusal> {
        self.end_with(session, game(), None)
    }

    pub(super) fn terminate(&self, session: SessionId) -> bool {
        let ask = Terminate { session, reason: EndReason::Suspended };
        finish(self.node.terminate(&cafe(), &ask)).unwrap().reply
    }

    pub(super) fn launcher_beat(&self, launcher: Started) -> Result<LauncherBeat, LauncherRefusal> {
        finish(self.node.launcher_heartbeat(&launcher.call)).unwrap().reply
    }

    pub(super) fn end_launcher(&self, launcher: Started) -> Result<(), LauncherRefusal> {
        finish(self.node.end_launcher(&launcher.call)).unwrap().reply
    }

    pub(super) fn credit_as(&self, id: Option<&str>, coins: u64) -> Result<u64, CreditRefusal> {
        let ask = CreditAccount { id: id.map(|id| CreditId::parse(id).unwrap()), coins };
        finish(self.node.credit(&cafe(), &ask)).unwrap().reply.map(|credited| credited.balance)
    }

    pub(super) fn credit(&self, coins: u64) {
        self.credit_as(None, coins).expect("an open account");
    }

    /// Says to how many documents something was done.
    pub(super) fn sweep(&self) -> usize {
        finish(self.node.sweep(self.now())).unwrap()
    }

    pub(super) fn document(&self, key: &DocumentKey) -> Option<Document> {
        self.store.look(|kept| Some((*kept.cafes.get(&cafe())?.get(key)?.1).clone()))
    }

    pub(super) fn account(&self) -> Account {
        match self.document(&DocumentKey::Account) {
            Some(Document::Account(account)) => account,
            other => panic!("no account: {other:?}"),
        }
    }

    pub(super) fn session(&self, id: SessionId) -> Session {
        match self.document(&DocumentKey::Session(id)) {
            Some(Document::Session(session)) => session,
            other => panic!("no session: {other:?}"),
        }
    }

    pub(super) fn pc(&self, name: &str) -> Option<Pc> {
        self.document(&DocumentKey::Pc(pc(name))).map(|document| match document {
            Document::Pc(pc) => pc,
            other => panic!("no PC: {other:?}"),
        })
    }

    /// The one settlement of a session.
    pub(super) fn settlement(&self, id: SessionId) -> Option<Settlement> {
        self.store.look(|kept| {
            let mut all = kept.settlements.iter().filter(|settlement| settlement.session_id == id);
            let first = all.next().cloned();
            assert_eq!(all.next(), None, "settled twice");
            first
        })
    }

    /// Why a session ended, how many seconds after the story's beginning, its play, what was billed and paid.
    pub(super) fn ended(&self, id: SessionId) -> Option<(EndReason, u64, u64, u64, u64)> {
        let settlement = self.settlement(id)?;
        let Settlement { end_reason, ended_at, play_duration_sec, billed_sec, coins, .. } = settlement;
        Some((end_reason, ended_at.since(BEGIN).as_secs(), play_duration_sec, billed_sec, coins))
    }

    pub(super) fn time(sec: u64) -> Timestamp {
        BEGIN + Duration::from_secs(sec)
    }
}

pub(super) fn cafe() -> CafeId {
    CafeId::parse("cafe").unwrap()
}

pub(super) fn game() -> GameId {
    GameId::new("game")
}

pub(super) fn other_game() -> GameId {
    GameId::new("other")
}

pub(super) fn pc(name: &str) -> PcId {
    PcId::parse(name).unwrap()
}
