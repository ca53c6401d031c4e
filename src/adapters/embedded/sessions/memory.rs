//! Documents in memory: always the newest state, which the disk follows.
//!
//! A commit is decided and takes effect here, under one lock, without touching the database; a flush then carries
//! everything ahead of the disk into one transaction. So commits may build on what is not yet durable: it becomes
//! durable in the same transaction or an earlier one. If a transaction fails, everything in memory is forgotten before
//! any later step begins or any answer is given, and what was decided from it fails with it: the disk has only whole
//! commits, each with all it was built on.
//!
//! **Reading beside it.** What memory lacks is read from the disk, and remembered only while that is exact. Suppose a
//! key was not in memory when the reading began (the [`Mark`]). Then its newest state was committed by then, and the
//! reading, which began later, saw it or a newer one. If the key was changed since, the change has been in memory,
//! pinned until it was on disk, and after that for another two rotations. So if there have been fewer than two since
//! the mark, nothing was forgotten, and the key is still not there: it was not changed, and what was read is its
//! newest state.

use std::sync::Arc;
use std::time::Duration;

use foldhash::HashMap;
use guildhall_actors::ids::{CafeId, SessionId};
use guildhall_actors::ports::{Commit, Durability, StoreError, Stored, Version};
use guildhall_actors::session::{Document, DocumentKey, Settlement};
use parking_lot::{Condvar, Mutex};
use tracing::error;

use super::layers::Layers;

/// From the first change that nobody flushes to its flush; with the flush itself well within the second that
/// `Durability::Soon` allows, and long enough to gather many heartbeats into one fsync.
const DELAY: Duration = Duration::from_millis(300);
/// Settlements remembered once they are on disk: only as long as a query for one may have missed it.
const SETTLEMENTS: usize = 1024;

/// See the module's text.
pub(in crate::adapters::embedded) struct Memory {
    state: Mutex<State>,
    /// Rings when the flusher has something to do.
    news: Condvar,
}

struct State {
    documents: Layers<Key, Entry>,
    /// The cafes of documents that are found by key; `None` of one that was removed.
    places: Layers<DocumentKey, Option<CafeId>>,
    settlements: Layers<SessionId, Arc<Settlement>>,
    /// Counts changes. Each new state of a document has the number of its change as version, and no other.
    changes: u64,
    /// The last change handed to the transaction under way.
    writing: u64,
    /// The last change that is on disk, with all before it.
    durable: u64,
    /// How often everything was forgotten.
    epoch: u64,
    /// Part of what is ahead could not be written: everything is forgotten when the transaction ends. Not before: until
    /// then readers do not see what an earlier step of it wrote.
    is_doomed: bool,
    /// The flusher knows that something is dirty.
    is_flush_planned: bool,
    is_closing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) cafe: CafeId,
    pub(super) document: DocumentKey,
}

/// A state of a document.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) version: Version,
    pub(super) document: Option<Arc<Document>>,
    /// The change that must be on disk before an answer may rest on this state: the last one made with
    /// `Durability::Now` among all that led to it.
    promised: u64,
}

/// When a reading began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    epoch: u64,
    rotations: u64,
}

/// What became of a commit in memory.
pub(super) enum Applied {
    /// It took effect. Its answer may be given once a flush of this epoch has succeeded, if there is one here.
    Done(Vec<Version>, Option<u64>),
    Conflict,
    /// It must first be known whether a settlement of these sessions is on disk.
    Unsure(Mark),
}

/// What goes to the disk in one step.
pub(super) struct Batch {
    pub(super) documents: Arc<HashMap<Key, Entry>>,
    pub(super) settlements: Arc<HashMap<SessionId, Arc<Settlement>>>,
}

impl Memory {
    /// With the highest version on disk, and how many documents that are on disk a generation keeps.
    pub(in crate::adapters::embedded) fn new(last_version: Version, capacity: usize) -> Self {
        let state = State {
            documents: Layers::new(capacity),
            places: Layers::new(capacity),
            settlements: Layers::new(SETTLEMENTS),
            changes: last_version.0,
            writing: last_version.0,
            durable: last_version.0,
            epoch: 0,
            is_doomed: false,
            is_flush_planned: false,
            is_closing: false,
        };
        Self { state: Mutex::new(state), news: Condvar::new() }
    }

    /// What memory has of these documents.
    pub(super) fn recall(&self, cafe: &CafeId, keys: &[DocumentKey]) -> (Vec<Option<Stored>>, Mark) {
        let mut state = self.state.lock();
        let mut recall = |key| state.documents.get(&Key::new(cafe, key)).map(Entry::into_stored);
        (keys.iter().map(&mut recall).collect(), state.mark(state.documents.rotations()))
    }

    /// Takes what was read since `mark`; says what is newest.
    pub(super) fn learn(&self, cafe: &CafeId, mark: Mark, read: Vec<(DocumentKey, Stored)>) -> Vec<Stored> {
        let mut state = self.state.lock();
        state.documents.make_room();
        let is_exact = state.is_exact(mark, state.documents.rotations());
        let learn = |(key, stored): (DocumentKey, Stored)| {
            let key = Key::new(cafe, &key);
            if let Some(entry) = state.documents.get(&key) {
                return entry.into_stored();
            }
            // A commit that expects what is not remembered will conflict, and its caller load again.
            if is_exact {
                state.documents.remember(key, Entry::on_disk(stored.clone()));
            }
            stored
        };
        read.into_iter().map(learn).collect()
    }

    /// The cafe of a document, when memory knows where it is or that it is gone.
    pub(super) fn recall_place(&self, key: &DocumentKey) -> Result<Option<CafeId>, Mark> {
        let mut state = self.state.lock();
        state.places.get(key).ok_or_else(|| state.mark(state.places.rotations()))
    }

    /// Takes the place that was read since `mark`; says what is newest.
    pub(super) fn learn_place(&self, key: &DocumentKey, mark: Mark, read: Option<CafeId>) -> Option<CafeId> {
        let mut state = self.state.lock();
        state.places.make_room();
        if let Some(place) = state.places.get(key) {
            return place;
        }
        // Nowhere is not remembered: keys that nobody ever had would push out the others.
        if read.is_some() && state.is_exact(mark, state.places.rotations()) {
            state.places.remember(key.clone(), read.clone());
        }
        read
    }

    /// Makes a commit take effect in memory. `settled` says whether one of its settlements was on disk at a mark.
    pub(super) fn apply(
        &self,
        cafe: &CafeId,
        commit: &Commit,
        settled: Option<(Mark, bool)>,
    ) -> Result<Applied, StoreError> {
        let mut state = self.state.lock();
        if state.is_doomed {
            return Err(StoreError("what this was decided from could not be written".into()));
        }
        let Some(rests_on) = state.rests_on(cafe, commit) else { return Ok(Applied::Conflict) };
        if !commit.settlements.is_empty() {
            let mark = state.mark(state.settlements.rotations());
            let Some((_, is_on_disk)) = settled.filter(|(since, _)| state.is_exact(*since, mark.rotations)) else {
                return Ok(Applied::Unsure(mark));
            };
            if is_on_disk || state.is_settled_in_memory(&commit.settlements) {
                return Err(StoreError("a session is settled already".into()));
            }
        }
        let versions = state.change(cafe, commit, rests_on);
        if state.is_dirty() && !state.is_flush_planned {
            state.is_flush_planned = true;
            self.news.notify_one();
        }
        let changes_nothing = commit.changes.is_empty() && commit.settlements.is_empty();
        let is_promised = commit.durability == Durability::Now && !changes_nothing;
        let must_wait = is_promised || rests_on > state.durable;
        Ok(Applied::Done(versions, must_wait.then_some(state.epoch)))
    }

    /// Everything not yet handed over, for a step on the writing thread. With an epoch: only of that one.
    pub(super) fn hand_over(&self, epoch: Option<u64>) -> Result<Batch, StoreError> {
        let mut state = self.state.lock();
        if state.is_doomed || epoch.is_some_and(|epoch| epoch != state.epoch) {
            return Err(StoreError("an earlier write failed".into()));
        }
        state.places.hand_over();
        state.writing = state.changes;
        Ok(Batch { documents: state.documents.hand_over(), settlements: state.settlements.hand_over() })
    }

    /// Part of what was handed over could not be written.
    pub(super) fn doom(&self) {
        self.state.lock().is_doomed = true;
    }

    /// The writer calls this after each transaction, before its steps are answered and the next one begins.
    pub(in crate::adapters::embedded) fn end_transaction(&self, result: Result<(), &StoreError>) {
        let mut state = self.state.lock();
        let is_lost = result.is_err() && state.documents.writing() + state.settlements.writing() > 0;
        if state.is_doomed || is_lost {
            let documents = state.documents.dirty() + state.documents.writing();
            error!(documents, "documents could not be written: what was ahead of the disk is forgotten");
            state.forget();
        } else if result.is_ok() {
            state.settle();
        }
    }

    pub(super) fn is_ahead(&self) -> bool {
        let state = self.state.lock();
        state.is_dirty() || state.documents.writing() + state.settlements.writing() > 0
    }

    /// Waits until something has been dirty for a while; `false` when the store closes.
    pub(super) fn wait_for_changes(&self) -> bool {
        let mut state = self.state.lock();
        state.is_flush_planned = state.is_dirty();
        self.news.wait_while(&mut state, |state| !state.is_closing && !state.is_flush_planned);
        self.news.wait_while_for(&mut state, |state| !state.is_closing, DELAY);
        !state.is_closing
    }

    /// Ends the waiting for changes.
    pub(super) fn close(&self) {
        self.state.lock().is_closing = true;
        self.news.notify_all();
    }
}

impl State {
    fn mark(&self, rotations: u64) -> Mark {
        Mark { epoch: self.epoch, rotations }
    }

    /// Whether what was read since `mark` is the newest state of a key that is not in memory. See the module's text.
    fn is_exact(&self, mark: Mark, rotations: u64) -> bool {
        self.epoch == mark.epoch && rotations - mark.rotations < 2
    }

    fn is_dirty(&self) -> bool {
        self.documents.dirty() + self.settlements.dirty() > 0
    }

    /// The last promised change a commit was decided from; `None` when anything expected does not hold. What is no
    /// longer in memory counts as changed.
    fn rests_on(&mut self, cafe: &CafeId, commit: &Commit) -> Option<u64> {
        commit.expected.iter().try_fold(0, |rests_on, (key, version)| {
            let entry = self.documents.get(&Key::new(cafe, key)).filter(|entry| entry.version == *version)?;
            Some(entry.promised.max(rests_on))
        })
    }

    fn is_settled_in_memory(&mut self, settlements: &[Settlement]) -> bool {
        let is_twice = |(at, settlement): (usize, &Settlement)| {
            settlements[..at].iter().any(|earlier| earlier.session_id == settlement.session_id)
                || self.settlements.get(&settlement.session_id).is_some()
        };
        settlements.iter().enumerate().any(is_twice)
    }

    fn change(&mut self, cafe: &CafeId, commit: &Commit, rests_on: u64) -> Vec<Version> {
        for settlement in &commit.settlements {
            self.settlements.change(settlement.session_id, Arc::new(settlement.clone()));
        }
        let change = |(key, document): &(DocumentKey, Option<Arc<Document>>)| {
            self.changes += 1;
            let version = document.as_ref().map_or(Version::ABSENT, |_| Version(self.changes));
            let promised = if commit.durability == Durability::Now { self.changes } else { rests_on };
            self.change_document(Key::new(cafe, key), Entry { version, document: document.clone(), promised });
            version
        };
        commit.changes.iter().map(change).collect()
    }

    fn change_document(&mut self, key: Key, mut entry: Entry) {
        let before = self.documents.get(&key);
        let was_there = before.as_ref().map(|before| before.document.is_some());
        if key.document.kind().is_found_by_key() && was_there != Some(entry.document.is_some()) {
            let place = entry.document.as_ref().map(|_| key.cafe.clone());
            self.places.change(key.document.clone(), place);
        }
        // A change that was decided without its document still comes after it.
        entry.promised = before.map_or(0, |before| before.promised).max(entry.promised);
        self.documents.change(key, entry);
    }

    fn settle(&mut self) {
        self.documents.settle();
        self.places.settle();
        self.settlements.settle();
        self.durable = self.writing;
    }

    fn forget(&mut self) {
        self.documents.forget();
        self.places.forget();
        self.settlements.forget();
        self.epoch += 1;
        self.is_doomed = false;
    }
}

impl Key {
    fn new(cafe: &CafeId, document: &DocumentKey) -> Self {
        Self { cafe: cafe.clone(), document: document.clone() }
    }
}

impl Entry {
    fn on_disk(stored: Stored) -> Self {
        Self { version: stored.version, document: stored.document, promised: 0 }
    }

    fn into_stored(self) -> Stored {
        Stored { version: self.version, document: self.document }
    }
}
