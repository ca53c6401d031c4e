//! `Sessions`, keyed by cafe: the documents of its PCs, launchers, tokens, game sessions and money.
//!
//! The port is deliberately dumb: every rule is in `session::rules`, which turns documents into documents. What the
//! store adds is that a decision takes effect whole, and only while everything it was made from still holds.

use std::sync::Arc;

use async_trait::async_trait;

use super::StoreError;
use crate::clock::Timestamp;
use crate::ids::{CafeId, GameId, SessionId};
use crate::session::{Document, DocumentKey, DocumentKind, Settlement};

/// Tells one state of a document from every other one it ever had, also across its removal. Zero: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A document as it was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stored {
    /// [`Version::ABSENT`] exactly when there is no document.
    pub version: Version,
    pub document: Option<Arc<Document>>,
}

/// When a commit must be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Within a second: `kill -9`, or a disk that fails, may undo it, and nothing else. For signs of life, never for
    /// money.
    Soon,
    /// Before the commit returns.
    Now,
}

/// A decision about one cafe.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Every document it was decided from, as it was found.
    pub expected: Vec<(DocumentKey, Version)>,
    /// What becomes of some of them, each named once; `None` removes one. A document that is made under a fresh random
    /// key need not be expected: whatever were there would be replaced.
    pub changes: Vec<(DocumentKey, Option<Arc<Document>>)>,
    /// Of sessions that have none yet.
    pub settlements: Vec<Settlement>,
    pub durability: Durability,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// All of it took effect: the new version of each change, in their order; [`Version::ABSENT`] of a removal.
    Done(Vec<Version>),
    /// Nothing did: a document was no longer as expected, or the store cannot say so any more. Load again, all that
    /// the decision is made from, and decide again.
    Conflict,
}

/// Which settlements: those whose session ended within `from..to`, oldest first.
#[derive(Clone, Debug)]
pub struct SettlementQuery {
    pub cafe: Option<CafeId>,
    pub game: Option<GameId>,
    pub from: Timestamp,
    pub to: Timestamp,
    /// The place of the last one seen: when its session ended, and its id.
    pub after: Option<(Timestamp, SessionId)>,
    pub limit: usize,
}

/// Cafes: their documents, and what their sessions cost.
///
/// A Launcher, Token or Session document is in one cafe only: its key is random. `find`, `load` and `list` see what a
/// commit did once it has returned; `due`, `cafes` and `settlements` once it is on disk.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The cafe of a Launcher, Token or Session document; `None` when there is no such document, and for other kinds.
    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError>;

    /// The documents of these keys, in their order, each in its newest state. They need not be of one moment: a
    /// commit that expects them all says whether they were.
    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError>;

    /// Makes a decision take effect, if everything expected still holds. Once this returns `Done`, whatever was
    /// changed with `Durability::Now` among all that the decision rests on is on disk, also when it was a `Soon` one
    /// or changed nothing: an answer never rests on what may still be undone.
    ///
    /// # Errors
    /// One of its sessions has a settlement already, or two in this commit: nothing took effect. A conflict comes
    /// first, so of two that settle a session at the same time the later one is a conflict. Any other failure leaves
    /// it open whether the commit took effect, except that it did so whole or not at all.
    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError>;

    /// Documents whose deadline is at or before `now`, earliest first, at most `limit`. What a `Soon` commit did within
    /// the last second may be missing: a document whose deadline it moved may still be listed under its old one.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError>;

    /// Documents of one kind of a cafe, ordered by their keys' text, after a key, at most `limit`.
    async fn list(
        &self,
        cafe: &CafeId,
        kind: DocumentKind,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError>;

    /// Cafes that have an account, ordered by id, after one, at most `limit`.
    async fn cafes(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError>;

    /// Settlements ordered by when their sessions ended, then by id, at most `limit`.
    async fn settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError>;
}

impl Version {
    /// Of a document that is not there.
    pub const ABSENT: Self = Self(0);
}
