//! `Players`, keyed by (game, player): the one live login, joined channels, blocks, suspension, profile, resume
//! snapshot, notes of game sessions.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Profile, ProfilePatch, ProfileUpdate, StoreError};
use crate::clock::Timestamp;
use crate::event::Position;
use crate::ids::{CafeId, ChannelId, LoginId, NodeId, PlayerId, PlayerKey, SessionId};

/// The live login of a player: on which node its socket is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub id: LoginId,
    pub node: NodeId,
    pub at: Timestamp,
}

/// A place in the player's list of channels: reserved while entering, a membership once entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub channel: ChannelId,
    pub slot: Slot,
    /// Place of the ENTER event; `None` while only reserved.
    pub entered: Option<Position>,
    pub password_revision: u32,
    pub since: Timestamp,
}

/// The caps channels count against ("Hive Chat HTTP API, channel types": 10 shared, 200 ONE_ON_ONE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// PUBLIC, left at every loss of the socket.
    Public,
    /// PRIVATE or GROUP.
    Closed,
    /// ONE_ON_ONE, never left by a loss of the socket.
    OneOnOne,
}

/// What a lost socket leaves for RECONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub lost_at: Timestamp,
    pub channels: Vec<ResumeChannel>,
}

/// A channel to restore, and the place of the last event the old socket was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeChannel {
    pub channel: ChannelId,
    pub slot: Slot,
    /// Where the membership began: a client's own position counts from there.
    pub entered: Position,
    pub seen: Position,
    pub password_revision: u32,
}

/// A blocked player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    pub player: PlayerId,
    pub at: Timestamp,
}

/// A time during which the player may not log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    pub from: Timestamp,
    /// `None`: for good.
    pub until: Option<Timestamp>,
    pub reason: String,
}

/// Who decides about a suspension, and when: of two decisions the later one holds, also when the earlier one is
/// carried out again after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    Operator(Timestamp),
    /// A record of the `Inbox`: those have an order of their own.
    Webhook {
        cursor: u64,
        at: Timestamp,
    },
}

/// The last decisions about a player's suspension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decided {
    pub cursor: u64,
    pub operator_at: Option<Timestamp>,
    /// Whether the last one was a webhook's.
    pub by_webhook: bool,
}

/// A note that the player began a game session. The session itself says whether it lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Play {
    pub session: SessionId,
    pub cafe: CafeId,
    pub at: Timestamp,
}

/// What a login finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The login this one replaced: its socket must go.
    pub previous: Option<Login>,
    pub joined: Vec<Joined>,
    pub blocks: Vec<Block>,
    /// The newest snapshot, whatever its age.
    pub resume: Option<Resume>,
    /// One that does not cover now: it may lie ahead.
    pub suspension: Option<Suspension>,
}

/// Everything the store knows of a player.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlayerState {
    /// When the player became known; `None` for a player nobody has spoken of.
    pub known_since: Option<Timestamp>,
    pub login: Option<Login>,
    pub joined: Vec<Joined>,
    pub blocks: Vec<Block>,
    pub suspension: Option<Suspension>,
    /// What the suspension, or its absence, rests on.
    pub decided: Decided,
    pub profile: Profile,
    pub resume: Option<Resume>,
    /// Newest last.
    pub plays: Vec<Play>,
}

/// Why a player operation did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PlayerError {
    #[error("player is suspended")]
    Suspended,
    #[error("player has no live login")]
    Offline,
    #[error("channel limit of the player reached")]
    ChannelLimit,
    #[error("player is blocked already")]
    AlreadyBlocked,
    #[error("block list is full")]
    BlockLimit,
    #[error("player is not blocked")]
    NotBlocked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Players: at most one live login each, and what belongs to them alone.
#[async_trait]
pub trait Players: Send + Sync {
    /// Makes the player known; nothing changes for one who is.
    async fn register(&self, player: &PlayerKey, now: Timestamp) -> Result<(), StoreError>;

    /// Makes `login` the player's one live login, and the player known.
    ///
    /// # Errors
    /// `Suspended` when a suspension covers `login.at`.
    async fn claim(&self, player: &PlayerKey, login: &Login) -> Result<Claimed, PlayerError>;

    /// Makes `login` the live one again after the lease of its node was lost; nothing changes when it never ceased to
    /// be. `None` when another login lives: that one stays.
    ///
    /// # Errors
    /// `Suspended` when a suspension covers `login.at`.
    async fn reclaim(&self, player: &PlayerKey, login: &Login) -> Result<Option<Claimed>, PlayerError>;

    /// Ends the login if it is still the live one; `false` when another has taken its place.
    async fn release(&self, player: &PlayerKey, login: &LoginId) -> Result<bool, StoreError>;

    /// Keeps or clears the snapshot for RECONNECT if `login` is still the live one; `false` when it is not.
    async fn save_resume(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        resume: Option<&Resume>,
    ) -> Result<bool, StoreError>;

    /// Everything about the player; an unknown one is the default state.
    async fn look_up(&self, player: &PlayerKey) -> Result<PlayerState, StoreError>;

    /// Reserves a place in the player's list of channels before entering, and tells the live login.
    /// A channel that is listed already keeps its place.
    ///
    /// # Errors
    /// `Offline` when the slot is `Public` and there is no live login; `ChannelLimit` when `cap` places of the
    /// slot's cap group are taken.
    async fn reserve(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        slot: Slot,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError>;

    /// Turns the reservation into a membership, and tells the login that is live now.
    async fn confirm(&self, player: &PlayerKey, joined: &Joined) -> Result<Option<Login>, StoreError>;

    /// Takes a channel off the list: the membership that began at `entered`, or a mere reservation.
    async fn forget(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        entered: Option<Position>,
    ) -> Result<(), StoreError>;

    /// Takes a channel out of the snapshot for RECONNECT; `false` when it was not in it.
    async fn forget_lost(&self, player: &PlayerKey, channel: &ChannelId) -> Result<bool, StoreError>;

    /// Blocks `target` for this player, and tells the live login.
    ///
    /// # Errors
    /// `AlreadyBlocked`; `BlockLimit` when `cap` players are blocked.
    async fn block(
        &self,
        player: &PlayerKey,
        target: PlayerId,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError>;

    /// Ends a block, and tells the live login.
    ///
    /// # Errors
    /// `NotBlocked`.
    async fn unblock(&self, player: &PlayerKey, target: PlayerId) -> Result<Option<Login>, PlayerError>;

    /// Sets or lifts the player's suspension, and tells the live login. Nothing happens, and nobody is told, when a
    /// later decision has overtaken this one.
    async fn suspend(
        &self,
        player: &PlayerKey,
        suspension: Option<&Suspension>,
        by: Decider,
    ) -> Result<Option<Login>, StoreError>;

    /// Changes the player's profile; each field follows its latest change, in whatever order they come. A player
    /// nobody has spoken of is made known by `create`, and otherwise left unknown.
    async fn update_profile(
        &self,
        player: &PlayerKey,
        patch: &ProfilePatch,
        create: bool,
        now: Timestamp,
    ) -> Result<ProfileUpdate, StoreError>;

    /// Notes that the player begins a game session, and makes the player known. Of many notes the oldest go.
    ///
    /// # Errors
    /// `Suspended` when a suspension covers `play.at`.
    async fn begin_play(&self, player: &PlayerKey, play: &Play) -> Result<(), PlayerError>;

    /// Strikes a session off the player's notes; nothing happens when it is not among them.
    async fn end_play(&self, player: &PlayerKey, session: SessionId) -> Result<(), StoreError>;

    /// Players whose live login is on `node`, at most `limit`.
    async fn logins_on(&self, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, StoreError>;
}

impl Suspension {
    /// Whether the player may not log in at `now`.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }

    /// Whether it lies ahead of `now`, and is not empty.
    pub fn begins_after(&self, now: Timestamp) -> bool {
        now < self.from && self.until.is_none_or(|until| self.from < until)
    }
}

impl Slot {
    /// Whether two slots count against the same cap.
    pub fn shares_cap_with(self, other: Self) -> bool {
        (self == Self::OneOnOne) == (other == Self::OneOnOne)
    }
}
