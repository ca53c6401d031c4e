//! The ports of a real store, and frames for what it brings, which panic when somebody says the word.

use std::cell::RefCell;
use std::collections::HashSet;

use async_trait::async_trait;
use guildhall_actors::backend::Ports;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::Position;
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId, LoginId, NodeId, PlayerId, PlayerKey, SessionId};
use guildhall_actors::outbox::Framing;
use guildhall_actors::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Channels, Claimed, Decider,
    Deleted, Entered, Exited, History, Joined, LogSlice, Login, Member, NewEvent, Play, PlayerError, PlayerState,
    Players, ProfilePatch, ProfileUpdate, Resume, Slot, StoreError, Subscriber, Suspension,
};
use guildhall_actors::testing::plain_framing;

/// A chat message in which this word stands panics where it is made a frame for the first time: in the channel's actor.
pub(super) const PANIC: &str = "panic";
/// Looking this player up panics where it is asked: in the connection's actor, when it whispers to this player.
pub(super) const EXPLOSIVE_PLAYER: i64 = 666;
/// A player whose login panics after its claim.
pub(super) const EXPLOSIVE_LOGIN: i64 = 667;

thread_local! {
    /// What has panicked on this thread already.
    static BLOWN: RefCell<HashSet<String>> = RefCell::default();
}

/// How many messages have panicked on this thread.
pub(super) fn blown() -> usize {
    BLOWN.with_borrow(HashSet::len)
}

pub(super) fn framing() -> Framing {
    let text = |text: &str| {
        let is_first = text.contains(PANIC)
            && text.contains("NOTIFY_CHANNEL_CHAT")
            && BLOWN.with_borrow_mut(|blown| blown.insert(text.to_owned()));
        assert!(!is_first, "somebody said {PANIC}");
        (plain_framing().text)(text)
    };
    Framing { text, ..plain_framing() }
}

/// Delegates everything else.
pub(super) struct Explosive(pub(super) Ports);

#[async_trait]
impl Channels for Explosive {
    async fn append(&self, key: &ChannelKey, event: NewEvent, now: Timestamp) -> Result<Position, ChannelError> {
        self.0.channels.append(key, event, now).await
    }

    async fn create(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
        now: Timestamp,
    ) -> Result<Channel, ChannelError> {
        self.0.channels.create(key, spec, members, now).await
    }

    async fn get(&self, key: &ChannelKey) -> Result<Channel, ChannelError> {
        self.0.channels.get(key).await
    }

    async fn update(&self, key: &ChannelKey, patch: ChannelPatch) -> Result<Channel, ChannelError> {
        self.0.channels.update(key, patch).await
    }

    async fn delete(&self, key: &ChannelKey, now: Timestamp) -> Result<Deleted, ChannelError> {
        self.0.channels.delete(key, now).await
    }

    async fn delete_if_vacant(&self, key: &ChannelKey, before: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.0.channels.delete_if_vacant(key, before, now).await
    }

    async fn list(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError> {
        self.0.channels.list(game, kind, page, size).await
    }

    async fn vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError> {
        self.0.channels.vacant(before, limit).await
    }

    async fn enter(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Entered, ChannelError> {
        self.0.channels.enter(key, player, admission, now).await
    }

    async fn exit(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        entered: Option<Position>,
        now: Timestamp,
    ) -> Result<Exited, ChannelError> {
        self.0.channels.exit(key, player, entered, now).await
    }

    async fn members(&self, key: &ChannelKey) -> Result<Vec<Member>, ChannelError> {
        self.0.channels.members(key).await
    }

    async fn member(&self, key: &ChannelKey, player: PlayerId) -> Result<Option<Member>, ChannelError> {
        self.0.channels.member(key, player).await
    }

    async fn read(&self, key: &ChannelKey, after: Position, limit: usize) -> Result<LogSlice, ChannelError> {
        self.0.channels.read(key, after, limit).await
    }

    async fn history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        now: Timestamp,
    ) -> Result<History, ChannelError> {
        self.0.channels.history(key, anchor, prev, next, now).await
    }

    async fn subscribe(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError> {
        self.0.channels.subscribe(key, subscriber).await
    }

    async fn unsubscribe(&self, key: &ChannelKey) {
        self.0.channels.unsubscribe(key).await;
    }
}

#[async_trait]
impl Players for Explosive {
    async fn look_up(&self, player: &PlayerKey) -> Result<PlayerState, StoreError> {
        assert!(player.player.0 != EXPLOSIVE_PLAYER, "somebody looked for {EXPLOSIVE_PLAYER}");
        self.0.players.look_up(player).await
    }

    async fn save_resume(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        resume: Option<&Resume>,
    ) -> Result<bool, StoreError> {
        self.0.players.save_resume(player, login, resume).await
    }

    async fn register(&self, player: &PlayerKey, now: Timestamp) -> Result<(), StoreError> {
        self.0.players.register(player, now).await
    }

    async fn claim(&self, player: &PlayerKey, login: &Login) -> Result<Claimed, PlayerError> {
        let claimed = self.0.players.claim(player, login).await;
        assert_ne!(player.player.0, EXPLOSIVE_LOGIN, "a login that is claimed");
        claimed
    }

    async fn reclaim(&self, player: &PlayerKey, login: &Login) -> Result<Option<Claimed>, PlayerError> {
        self.0.players.reclaim(player, login).await
    }

    async fn release(&self, player: &PlayerKey, login: &LoginId) -> Result<bool, StoreError> {
        self.0.players.release(player, login).await
    }

    async fn reserve(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        slot: Slot,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        self.0.players.reserve(player, channel, slot, cap, now).await
    }

    async fn confirm(&self, player: &PlayerKey, joined: &Joined) -> Result<Option<Login>, StoreError> {
        self.0.players.confirm(player, joined).await
    }

    async fn forget(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        entered: Option<Position>,
    ) -> Result<(), StoreError> {
        self.0.players.forget(player, channel, entered).await
    }

    async fn forget_lost(&self, player: &PlayerKey, channel: &ChannelId) -> Result<bool, StoreError> {
        self.0.players.forget_lost(player, channel).await
    }

    async fn block(
        &self,
        player: &PlayerKey,
        target: PlayerId,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        self.0.players.block(player, target, cap, now).await
    }

    async fn unblock(&self, player: &PlayerKey, target: PlayerId) -> Result<Option<Login>, PlayerError> {
        self.0.players.unblock(player, target).await
    }

    async fn suspend(
        &self,
        player: &PlayerKey,
        suspension: Option<&Suspension>,
        by: Decider,
    ) -> Result<Option<Login>, StoreError> {
        self.0.players.suspend(player, suspension, by).await
    }

    async fn update_profile(
        &self,
        player: &PlayerKey,
        patch: &ProfilePatch,
        create: bool,
        now: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        self.0.players.update_profile(player, patch, create, now).await
    }

    async fn begin_play(&self, player: &PlayerKey, play: &Play) -> Result<(), PlayerError> {
        self.0.players.begin_play(player, play).await
    }

    async fn end_play(&self, player: &PlayerKey, session: SessionId) -> Result<(), StoreError> {
        self.0.players.end_play(player, session).await
    }

    async fn logins_on(&self, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, StoreError> {
        self.0.players.logins_on(node, limit).await
    }
}
