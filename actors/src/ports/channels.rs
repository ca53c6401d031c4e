//! `Channels`, keyed by (game, channel): the spec, the members and the ordered event log.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::StoreError;
use crate::clock::Timestamp;
use crate::event::{Epoch, Event, EventBody, Position};
use crate::ids::{ChannelId, ChannelKey, GameId, PlayerId};

/// Who may join, how many, and what happens at the loss of a socket ("Hive Chat HTTP API, channel types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelKind {
    Public,
    Private,
    Group,
    OneOnOne,
}

/// Who owns a channel. One that a player owns is swept when empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    System,
    Player(PlayerId),
}

/// A channel password. Compared in constant time, never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

/// What a channel is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSpec {
    pub kind: ChannelKind,
    pub name: String,
    pub max_members: u32,
    /// Set for PRIVATE channels only.
    pub password: Option<Password>,
    /// How often the password was changed: a restored membership must have seen the newest.
    pub password_revision: u32,
    /// Whether players' messages can be read back ("chatHistoryAllowed"); the log is kept longer then.
    pub history: bool,
    pub owner: Owner,
}

/// The parts of a spec that can change; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelPatch {
    pub name: Option<String>,
    pub max_members: Option<u32>,
    pub password: Option<Password>,
    pub history: Option<bool>,
}

/// A channel as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub spec: ChannelSpec,
    pub created_at: Timestamp,
    pub member_count: u32,
    /// Place of the newest event.
    pub head: Position,
}

/// A membership. The place of its ENTER event tells it from an earlier or later one of the same player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub player: PlayerId,
    pub entered: Position,
    pub entered_at: Timestamp,
}

/// By what right a player enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// By the game server's word, with the password where the channel has one.
    Password(Option<Password>),
    /// As a former member of this very channel, who knew the password of this revision.
    Restore { epoch: Epoch, password_revision: u32 },
}

/// A membership just made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Place of the ENTER event.
    pub position: Position,
    pub password_revision: u32,
}

/// A membership just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exited {
    /// Place of the EXIT event.
    pub position: Position,
    /// Place of the ENTER event of the membership that ended.
    pub entered: Position,
}

/// What a deleted channel leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Place of the DELETE event, the last of this epoch.
    pub position: Position,
    pub members: Vec<Member>,
}

/// One page of a game's channels, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelPage {
    pub channels: Vec<Channel>,
    pub total: u64,
}

/// An event about to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    pub body: EventBody,
    /// A repeat with the same key appends nothing and returns the first position.
    pub idempotency_key: Option<String>,
}

/// Part of a log, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSlice {
    pub events: Vec<Event>,
    /// False when events between the asked place and the first returned one are gone: trimmed, or of another epoch.
    pub complete: bool,
    /// Place of the newest event at the time of reading.
    pub head: Position,
}

/// Part of a channel's chat history, oldest first. The anchor, when it still exists, is included once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub messages: Vec<Event>,
    pub has_prev: bool,
    pub has_next: bool,
}

/// What a subscription says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ring {
    /// This was appended.
    Event(Arc<Event>),
    /// The log's newest event is at this place, whether it has rung or not; `None`: the channel is gone. Said from
    /// time to time, and whenever the link to the store was broken.
    Head(Option<Position>),
}

/// Where a subscription rings: soon after each append, in the order of the log. It must not block.
/// Rings may be missed, repeated or reordered when the link to the store breaks: the place tells.
pub type Subscriber = Arc<dyn Fn(Ring) + Send + Sync>;

/// Why a channel operation did not happen.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("channel not found")]
    NotFound,
    #[error("channel id taken")]
    Duplicate,
    #[error("channel is full")]
    Full,
    #[error("wrong channel password")]
    WrongPassword,
    #[error("already a member")]
    AlreadyMember,
    #[error("not a member")]
    NotMember,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Channels, their members and their logs.
///
/// Every event of a channel has the next sequence of its epoch, in one order for everybody. A step that changes
/// members appends its event in the same atomic step.
#[async_trait]
pub trait Channels: Send + Sync {
    /// Makes a channel in a new epoch, with an ENTER event for each of `members` in order.
    ///
    /// # Errors
    /// `Duplicate` when the id is taken.
    async fn create(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
        now: Timestamp,
    ) -> Result<Channel, ChannelError>;

    /// # Errors
    /// `NotFound`.
    async fn get(&self, key: &ChannelKey) -> Result<Channel, ChannelError>;

    /// Changes what `patch` names. Lowering the member limit evicts nobody. A new password is a new revision.
    ///
    /// # Errors
    /// `NotFound`.
    async fn update(&self, key: &ChannelKey, patch: ChannelPatch) -> Result<Channel, ChannelError>;

    /// Removes the channel, its members and its log. The subscriber gets the DELETE event and is let go: a channel
    /// made anew under this id is not heard by it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn delete(&self, key: &ChannelKey, now: Timestamp) -> Result<Deleted, ChannelError>;

    /// Deletes the channel if a player owns it and nobody has been in it since before `before`; `false` when it was
    /// not so.
    async fn delete_if_vacant(&self, key: &ChannelKey, before: Timestamp, now: Timestamp) -> Result<bool, StoreError>;

    /// Channels of the game in the order of their ids; `page` counts from 1.
    async fn list(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError>;

    /// Channels that a player owns and nobody has been in since before `before`, over all games, at most `limit`.
    async fn vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError>;

    /// Appends an ENTER event and makes the player a member.
    ///
    /// # Errors
    /// `NotFound` (also when the channel to be restored was deleted and made anew), `AlreadyMember`, `WrongPassword`,
    /// `Full`, in this order.
    async fn enter(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Entered, ChannelError>;

    /// Ends a membership with an EXIT event. With `entered`, only that membership: a later one stays.
    ///
    /// # Errors
    /// `NotFound`, `NotMember`.
    async fn exit(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        entered: Option<Position>,
        now: Timestamp,
    ) -> Result<Exited, ChannelError>;

    /// Members in the order they entered.
    ///
    /// # Errors
    /// `NotFound`.
    async fn members(&self, key: &ChannelKey) -> Result<Vec<Member>, ChannelError>;

    /// One player's membership, if there is one.
    ///
    /// # Errors
    /// `NotFound`.
    async fn member(&self, key: &ChannelKey, player: PlayerId) -> Result<Option<Member>, ChannelError>;

    /// Appends an event and hands it to the subscribers.
    ///
    /// # Errors
    /// `NotFound`; `NotMember` when the event has an author who is not in the channel.
    async fn append(&self, key: &ChannelKey, event: NewEvent, now: Timestamp) -> Result<Position, ChannelError>;

    /// Events after a place, oldest first, at most `limit`. For a place of another epoch: everything still kept, not
    /// `complete`. For one beyond the newest event, of a log that lost its end: nothing, not `complete`.
    ///
    /// # Errors
    /// `NotFound`.
    async fn read(&self, key: &ChannelKey, after: Position, limit: usize) -> Result<LogSlice, ChannelError>;

    /// Chat messages around `anchor`: up to `prev` before it, itself, up to `next` after it.
    /// Without an anchor: the newest `prev`. Nothing older than the history limit at `now`.
    ///
    /// # Errors
    /// `NotFound`.
    async fn history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        now: Timestamp,
    ) -> Result<History, ChannelError>;

    /// Every event after the returned place rings at `subscriber`, until `unsubscribe`. One per channel: a new one
    /// replaces the old.
    ///
    /// # Errors
    /// `NotFound`.
    async fn subscribe(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError>;

    /// Ends the subscription; nothing happens when there is none.
    async fn unsubscribe(&self, key: &ChannelKey);
}

impl Password {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Constant time in the position of the first difference.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

impl ChannelKind {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC",
            Self::Private => "PRIVATE",
            Self::Group => "GROUP",
            Self::OneOnOne => "ONE_ON_ONE",
        }
    }

    /// Reads the word on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Public, Self::Private, Self::Group, Self::OneOnOne].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl ChannelSpec {
    /// Whether `admission` opens this channel.
    pub fn admits(&self, admission: &Admission) -> bool {
        match (admission, &self.password) {
            (Admission::Restore { password_revision, .. }, _) => *password_revision == self.password_revision,
            (Admission::Password(Some(given)), Some(set)) => set.matches(given),
            (Admission::Password(None), Some(_)) => false,
            (Admission::Password(_), None) => true,
        }
    }

    /// The spec after `patch`.
    pub fn patched(mut self, patch: ChannelPatch) -> Self {
        self.name = patch.name.unwrap_or(self.name);
        self.max_members = patch.max_members.unwrap_or(self.max_members);
        self.history = patch.history.unwrap_or(self.history);
        if let Some(password) = patch.password {
            self.password = Some(password);
            self.password_revision += 1;
        }
        self
    }
}

impl ChannelError {
    /// Tells a refusal, which says something about the channel, from a failure of the store, which says nothing.
    ///
    /// # Errors
    /// The failure.
    pub fn refusal(self) -> Result<Self, StoreError> {
        match self {
            Self::Store(error) => Err(error),
            refusal => Ok(refusal),
        }
    }
}

impl NewEvent {
    pub fn new(body: EventBody) -> Self {
        Self { body, idempotency_key: None }
    }
}
