//! Random histories of players, on Redis and by the rules side by side: scripts and rules must not differ.

use std::fmt::Debug;

use futures_util::future::join_all;
use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Epoch, Position};
use guildhall_actors::ids::{CafeId, ChannelId, GameId, LoginId, NodeId, PlayerId, PlayerKey, SessionId};
use guildhall_actors::ports::{
    Change, Decider, Joined, Login, Play, PlayerState, Players, ProfilePatch, Resume, ResumeChannel, Slot, Suspension,
};
use guildhall_actors::testing::Dice;

use super::store::single;

const HISTORIES: u64 = 60;
const STEPS: usize = 60;
/// Times that meet, and those at which numbers of scripts go wrong.
const TIMES: [i64; 12] =
    [i64::MIN, -1, 0, 1, 9, 10, 11, 1 << 53, (1 << 53) + 1, i64::MAX - 1025, i64::MAX - 1, i64::MAX];

struct History<'a> {
    store: &'a Redis,
    dice: Dice,
    player: PlayerKey,
    state: PlayerState,
}

impl History<'_> {
    fn time(&mut self) -> Timestamp {
        Timestamp(*self.dice.pick(&TIMES))
    }

    /// Few, so that they meet; `"` and `\` so that texts are quoted.
    fn login(&mut self) -> Login {
        let (id, node, at) = (self.dice.below(3), self.dice.below(2), self.time());
        Login { id: LoginId::new(&format!("\"{id}\\")), node: self.node(node), at }
    }

    fn node(&self, number: usize) -> NodeId {
        NodeId::new(&format!("{}-{number}", self.player.game))
    }

    fn channel(&mut self) -> ChannelId {
        ChannelId::parse(&self.dice.below(5).to_string()).expect("digits")
    }

    fn place(&mut self) -> Position {
        Position { epoch: Epoch(u64::MAX), sequence: self.dice.below(3) as u64 }
    }

    fn suspension(&mut self) -> Option<Suspension> {
        let until = if self.dice.chance(500) { Some(self.time()) } else { None };
        let suspension = Suspension { from: self.time(), until, reason: "⚒ \" \\".into() };
        self.dice.chance(700).then_some(suspension)
    }

    fn resume(&mut self) -> Option<Resume> {
        let (channel, seen, lost_at) = (self.channel(), self.place(), self.time());
        let lost = ResumeChannel { channel, slot: Slot::Closed, entered: seen, seen, password_revision: 1 };
        self.dice.chance(700).then_some(Resume { lost_at, channels: vec![lost] })
    }

    async fn step(&mut self) {
        match self.dice.below(4) {
            0 | 1 => self.log_in_or_out().await,
            2 => self.change_lists().await,
            _ => self.decide().await,
        }
        let stored = self.store.look_up(&self.player).await.expect("Redis answers");
        assert_eq!(stored, self.state, "{}", self.player.game);
    }

    async fn log_in_or_out(&mut self) {
        let (login, resume) = (self.login(), self.resume());
        let (store, player, state) = (self.store, &self.player, &mut self.state);
        match self.dice.below(5) {
            0 => same(store.claim(player, &login).await, state.claim(&login)),
            1 => same(store.reclaim(player, &login).await, state.reclaim(&login)),
            2 => same(store.release(player, &login.id).await.expect("Redis answers"), state.release(&login.id)),
            _ => {
                let saved = store.save_resume(player, &login.id, resume.as_ref()).await.expect("Redis answers");
                same(saved, state.save_resume(&login.id, resume.as_ref()));
            }
        }
    }

    async fn change_lists(&mut self) {
        let (channel, place, now) = (self.channel(), self.place(), self.time());
        let slot = *self.dice.pick(&[Slot::Public, Slot::Closed, Slot::OneOnOne]);
        let target = PlayerId(*self.dice.pick(&TIMES));
        let (store, player, state) = (self.store, &self.player, &mut self.state);
        match self.dice.below(6) {
            0 => same(store.reserve(player, &channel, slot, 2, now).await, state.reserve(&channel, slot, 2, now)),
            1 => {
                let joined = Joined { channel, slot, entered: Some(place), password_revision: 7, since: now };
                same(store.confirm(player, &joined).await.expect("Redis answers"), state.confirm(&joined));
            }
            2 => {
                store.forget(player, &channel, Some(place)).await.expect("Redis answers");
                state.forget(&channel, Some(place));
            }
            3 => {
                let forgotten = store.forget_lost(player, &channel).await.expect("Redis answers");
                same(forgotten, state.forget_lost(&channel));
            }
            4 => same(store.block(player, target, 2, now).await, state.block(target, 2, now)),
            _ => same(store.unblock(player, target).await, state.unblock(target)),
        }
    }

    async fn decide(&mut self) {
        let (suspension, now) = (self.suspension(), self.time());
        let session = SessionId::from_random(self.dice.below(3) as u128);
        let cursor = self.dice.below(5) as u64;
        let by = if self.dice.chance(500) { Decider::Operator(now) } else { Decider::Webhook { cursor, at: now } };
        let changed = Change { at_us: now.0, event_id: "event".into() };
        let patch = ProfilePatch { changed, name: Some(cursor.to_string()), email: None, avatar_url: None };
        let create = self.dice.chance(500);
        let (store, player, state) = (self.store, &self.player, &mut self.state);
        match self.dice.below(4) {
            0 => {
                let told = store.suspend(player, suspension.as_ref(), by).await.expect("Redis answers");
                same(told, state.suspend(suspension.as_ref(), by));
            }
            1 => {
                let update = store.update_profile(player, &patch, create, now).await.expect("Redis answers");
                same(update, state.update_profile(&patch, create, now));
            }
            2 => {
                let play = Play { session, cafe: CafeId::parse("cafe").expect("a cafe id"), at: now };
                same(store.begin_play(player, &play).await, state.begin_play(&play));
            }
            _ => {
                store.end_play(player, session).await.expect("Redis answers");
                state.end_play(session);
            }
        }
    }

    async fn assert_listed(&self) {
        for number in 0..2 {
            let node = self.node(number);
            let live = self.state.login.iter().filter(|login| login.node == node);
            let expected: Vec<_> = live.map(|login| (self.player.clone(), login.clone())).collect();
            assert_eq!(self.store.logins_on(&node, 10).await.expect("Redis answers"), expected);
        }
    }
}

/// Refusals have no equality but a text.
fn same<T: Debug>(stored: T, ruled: T) {
    assert_eq!(format!("{stored:?}"), format!("{ruled:?}"), "on Redis, and by the rules");
}

#[tokio::test]
async fn redis_and_the_rules_agree_on_every_step() {
    let (_server, store) = single().await;
    join_all((0..HISTORIES).map(|seed| live_through(&store, seed))).await;
}

async fn live_through(store: &Redis, seed: u64) {
    let player = GameId::new(&format!("history-{seed}")).player(PlayerId(7));
    let mut history = History { store, dice: Dice::new(seed), player, state: PlayerState::default() };
    for _ in 0..STEPS {
        history.step().await;
    }
    history.assert_listed().await;
}
