//! `Inbox`, keyed by (game, source, key): requests that must take effect once, with the answer they were given.

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::ids::GameId;

/// What tells one request from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InboxKey {
    pub game: GameId,
    /// Which surface took it, for example `publish`.
    pub source: &'static str,
    pub key: String,
}

/// What was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// Nothing: the request is recorded now, pending, and the caller must carry it out.
    New,
    /// The same key, not yet done. `same_body` is false when it came with another body.
    Pending { since: Timestamp, same_body: bool },
    /// The same key, done with this answer.
    Done { answer: Vec<u8>, same_body: bool },
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEntry {
    /// Place in the game's order of records; counts up, never reused.
    pub cursor: u64,
    pub source: String,
    pub key: String,
    pub body: Vec<u8>,
    pub at: Timestamp,
    /// `None` while the request is pending.
    pub answer: Option<Vec<u8>>,
}

/// A part of a game's order of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxSlice {
    pub entries: Vec<InboxEntry>,
    /// `false` when records after the cursor have been dropped already.
    pub complete: bool,
}

/// Requests that take effect once.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Records the request as pending, or says what is there. This is the durable all-or-nothing step.
    /// An entry older than `now - keep` counts as absent.
    async fn record(
        &self,
        key: &InboxKey,
        body: &[u8],
        keep: std::time::Duration,
        now: Timestamp,
    ) -> Result<Recorded, StoreError>;

    /// Marks a request done, with the answer every repeat will get. Nothing happens when it is not pending.
    async fn finish(&self, key: &InboxKey, answer: &[u8]) -> Result<(), StoreError>;

    /// The record under this key, if there is one.
    async fn entry(&self, key: &InboxKey) -> Result<Option<InboxEntry>, StoreError>;

    /// Pending requests of a source recorded before `before`, oldest first, at most `limit`.
    async fn pending(
        &self,
        source: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(GameId, InboxEntry)>, StoreError>;

    /// Requests of a game and of any of the sources after a cursor, in the order they were recorded, at most `limit`,
    /// and no more than about [`InboxSlice::BYTES`], but at least one.
    async fn read(
        &self,
        game: &GameId,
        sources: &[&'static str],
        after: u64,
        limit: usize,
    ) -> Result<InboxSlice, StoreError>;

    /// The newest requests of a game and of any of the sources, newest last, at most `limit`, bounded as
    /// [`Self::read`] is.
    async fn read_newest(
        &self,
        game: &GameId,
        sources: &[&'static str],
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// Drops what was recorded before `before`, and what is beyond the newest `keep` of a game, counted over the
    /// sources together; says how many. With `done_only` nothing that is pending is dropped: it still has to take
    /// effect, however old it is and however many came after it.
    async fn trim(
        &self,
        sources: &[&'static str],
        before: Timestamp,
        keep: u64,
        done_only: bool,
    ) -> Result<u64, StoreError>;
}

impl InboxSlice {
    /// Bodies that are read at once, in bytes.
    pub const BYTES: usize = 8 * 1024 * 1024;
}
