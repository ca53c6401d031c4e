//! The `Sessions` port in memory, as unkind as its contract allows.
//!
//! Every call lets others run before, between and after its reads and writes; it may fail before or after it took
//! effect; and a crash undoes whatever the contract lets it undo. What survives is always what some earlier moment
//! looked like: a log cut short. Nothing here waits for anything, so futures may be polled by hand and dropped at any
//! point.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::Dice;
use crate::clock::Timestamp;
use crate::ids::CafeId;
use crate::ports::{Commit, Committed, Durability, Sessions, SettlementQuery, StoreError, Stored, Version};
use crate::session::{Document, DocumentKey, DocumentKind, Settlement};

/// What the store says of a failure it made up.
pub const FAULT: &str = "a fault of the test";

/// See the module's text.
pub struct MemorySessions(Mutex<Inner>);

/// The documents of a cafe.
pub type Documents = BTreeMap<DocumentKey, Entry>;
/// A document with its version.
pub type Entry = (Version, Arc<Document>);

/// What is kept.
#[derive(Default)]
pub struct Kept {
    pub cafes: BTreeMap<CafeId, Documents>,
    /// In the order in which they were written.
    pub settlements: Vec<Settlement>,
    /// Grows with everything that changes, crashes included.
    pub changes: u64,
}

/// How often of a thousand times a call fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Nothing was done.
    pub before: usize,
    /// A commit took effect, and its answer was lost.
    pub after: usize,
}

struct Inner {
    kept: Kept,
    /// Never given twice, also not across a crash.
    last_version: u64,
    /// Commits that a crash may undo, oldest first.
    volatile: Vec<Undo>,
    /// How many commits before them have become durable.
    durable: usize,
    faults: Faults,
    dice: Dice,
}

/// A commit that took effect, and what was there before.
struct Undo {
    durability: Durability,
    cafe: CafeId,
    before: Vec<(DocumentKey, Option<Entry>)>,
    settlements: usize,
}

impl MemorySessions {
    /// An empty store; `seed` decides its faults and what a crash leaves.
    pub fn new(seed: u64) -> Self {
        let (kept, faults, dice) = (Kept::default(), Faults::default(), Dice::new(seed));
        Self(Mutex::new(Inner { kept, last_version: 0, volatile: Vec::new(), durable: 0, faults, dice }))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.0.lock().faults = faults;
    }

    /// Looks at what is kept at this moment.
    pub fn look<T>(&self, look: impl FnOnce(&Kept) -> T) -> T {
        look(&self.0.lock().kept)
    }

    /// `kill -9`: some of the newest commits that are not durable are undone, from one of them on. Calls under way
    /// must be dropped with it, and every memory of documents forgotten.
    pub fn crash(&self) {
        let inner = &mut *self.0.lock();
        let survivors = inner.dice.below(inner.volatile.len() + 1);
        for undo in inner.volatile.drain(survivors..).rev() {
            let documents = inner.kept.cafes.entry(undo.cafe).or_default();
            for (key, before) in undo.before {
                match before {
                    Some(before) => documents.insert(key, before),
                    None => documents.remove(&key),
                };
            }
            inner.kept.settlements.truncate(undo.settlements);
        }
        // What survived was on the disk.
        inner.durable += inner.volatile.len();
        inner.volatile.clear();
        inner.kept.changes += 1;
    }

    /// A failure, in as many cases as were asked for.
    fn fail(&self, often: impl Fn(Faults) -> usize) -> Result<(), StoreError> {
        let inner = &mut *self.0.lock();
        let often = often(inner.faults);
        if often > 0 && inner.dice.chance(often) { Err(StoreError(FAULT.into())) } else { Ok(()) }
    }
}

impl Inner {
    fn version(&self, cafe: &CafeId, key: &DocumentKey) -> Version {
        let found = self.kept.cafes.get(cafe).and_then(|documents| documents.get(key));
        found.map_or(Version::ABSENT, |(version, _)| *version)
    }

    /// Says what became of it, and how many commits must be durable before that may be told.
    fn apply(&mut self, cafe: &CafeId, commit: Commit) -> (Committed, usize) {
        let holds = commit.expected.iter().all(|(key, version)| self.version(cafe, key) == *version);
        if !holds {
            return (Committed::Conflict, 0);
        }
        if commit.changes.is_empty() && commit.settlements.is_empty() {
            return (Committed::Done(Vec::new()), self.told_so_far());
        }
        let settlements = self.kept.settlements.len();
        let (mut versions, mut before) = (Vec::new(), Vec::new());
        for (key, document) in commit.changes {
            let documents = self.kept.cafes.entry(cafe.clone()).or_default();
            let (version, previous) = match document {
                Some(document) => {
                    self.last_version += 1;
                    let version = Version(self.last_version);
                    (version, documents.insert(key.clone(), (version, document)))
                }
                None => (Version::ABSENT, documents.remove(&key)),
            };
            versions.push(version);
            before.push((key, previous));
        }
        before.reverse();
        self.kept.settlements.extend(commit.settlements);
        self.kept.changes += 1;
        self.volatile.push(Undo { durability: commit.durability, cafe: cafe.clone(), before, settlements });
        (Committed::Done(versions), self.told_so_far())
    }

    /// Up to the newest commit that asked for it, everything must be durable before anything is told of it.
    fn told_so_far(&self) -> usize {
        let newest = self.volatile.iter().rposition(|undo| undo.durability == Durability::Now);
        self.durable + newest.map_or(0, |newest| newest + 1)
    }

    fn flush(&mut self, upto: usize) {
        let many = upto.saturating_sub(self.durable);
        self.volatile.drain(..many);
        self.durable += many;
    }
}

/// Here others may run.
async fn scheduling_point() {
    let mut has_waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[async_trait]
impl Sessions for MemorySessions {
    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        assert!(key.kind().is_found_by_key(), "{key} belongs to a cafe that must be named");
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        let found = self.look(|kept| {
            let mut cafes = kept.cafes.iter();
            cafes.find(|(_, documents)| documents.contains_key(key)).map(|(cafe, _)| cafe.clone())
        });
        Ok(found)
    }

    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError> {
        let mut loaded = Vec::with_capacity(keys.len());
        for key in keys {
            scheduling_point().await;
            self.fail(|faults| faults.before)?;
            let found = self.look(|kept| kept.cafes.get(cafe).and_then(|documents| documents.get(key)).cloned());
            let stored = found.map(|(version, document)| Stored { version, document: Some(document) });
            loaded.push(stored.unwrap_or_default());
        }
        Ok(loaded)
    }

    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        let (committed, durable) = self.0.lock().apply(cafe, commit.clone());
        scheduling_point().await;
        self.fail(|faults| faults.after)?;
        self.0.lock().flush(durable);
        Ok(committed)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        let mut due = self.look(|kept| {
            let all = kept.cafes.iter().flat_map(|(cafe, documents)| {
                documents.iter().map(move |(key, (_, document))| (document.deadline(), cafe, key))
            });
            let due = all.filter_map(|(deadline, cafe, key)| Some((deadline?, cafe.clone(), key.clone())));
            due.filter(|(deadline, ..)| *deadline <= now).collect::<Vec<_>>()
        });
        due.sort();
        Ok(due.into_iter().take(limit).map(|(_, cafe, key)| (cafe, key)).collect())
    }

    async fn list(
        &self,
        cafe: &CafeId,
        kind: DocumentKind,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError> {
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        let after = after.map(DocumentKey::to_string);
        let mut listed = self.look(|kept| {
            let documents = kept.cafes.get(cafe).into_iter().flatten().filter(|(key, _)| key.kind() == kind);
            let named = documents.map(|(key, (_, document))| (key.to_string(), key.clone(), document.clone()));
            named.filter(|(name, ..)| after.as_ref().is_none_or(|after| name > after)).collect::<Vec<_>>()
        });
        listed.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        Ok(listed.into_iter().take(limit).map(|(_, key, document)| (key, document)).collect())
    }

    async fn cafes(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError> {
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        Ok(self.look(|kept| {
            let with_account = kept.cafes.iter().filter(|(_, documents)| documents.contains_key(&DocumentKey::Account));
            let cafes = with_account.map(|(cafe, _)| cafe).filter(|cafe| after.is_none_or(|after| *cafe > after));
            cafes.take(limit).cloned().collect()
        }))
    }

    async fn settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        scheduling_point().await;
        self.fail(|faults| faults.before)?;
        let mut found = self.look(|kept| {
            let asked = kept.settlements.iter().filter(|settlement| {
                query.cafe.as_ref().is_none_or(|cafe| settlement.cafe_id == *cafe)
                    && query.game.as_ref().is_none_or(|game| settlement.game_id == *game)
                    && (query.from..query.to).contains(&settlement.ended_at)
                    && query.after.is_none_or(|after| (settlement.ended_at, settlement.session_id) > after)
            });
            asked.cloned().collect::<Vec<_>>()
        });
        found.sort_by_key(|settlement| (settlement.ended_at, settlement.session_id));
        found.truncate(query.limit);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::poll_immediate;

    use super::*;
    use crate::ids::PcId;
    use crate::session::Pc;

    fn pc() -> DocumentKey {
        DocumentKey::Pc(PcId::parse("1").unwrap())
    }

    fn write(expected: Version, durability: Durability) -> Commit {
        let document = Some(Arc::new(Document::Pc(Pc::default())));
        let (expected, changes) = (vec![(pc(), expected)], vec![(pc(), document)]);
        Commit { expected, changes, settlements: Vec::new(), durability }
    }

    async fn commit(store: &MemorySessions, commit: Commit) -> Option<Version> {
        match store.commit(&CafeId::parse("cafe").unwrap(), &commit).await.unwrap() {
            Committed::Done(versions) => versions.first().copied(),
            Committed::Conflict => None,
        }
    }

    /// Polls until it is done: nothing here waits for anything else.
    fn finish<T>(future: impl Future<Output = T>) -> T {
        let mut future = Box::pin(future);
        loop {
            if let Some(Some(done)) = poll_immediate(&mut future).now_or_never() {
                return done;
            }
        }
    }

    fn version_now(store: &MemorySessions) -> Version {
        finish(store.load(&CafeId::parse("cafe").unwrap(), &[pc()])).unwrap()[0].version
    }

    #[test]
    fn a_commit_takes_effect_only_while_what_it_expects_holds() {
        let store = MemorySessions::new(0);
        let first = finish(commit(&store, write(Version::ABSENT, Durability::Now))).unwrap();
        assert_eq!(finish(commit(&store, write(Version::ABSENT, Durability::Now))), None);
        let second = finish(commit(&store, write(first, Durability::Now))).unwrap();
        assert!(second > first);
        assert_eq!(version_now(&store), second);
    }

    #[test]
    fn a_crash_undoes_only_what_need_not_be_durable_and_no_version_comes_again() {
        for seed in 0..50 {
            let store = MemorySessions::new(seed);
            let first = finish(commit(&store, write(Version::ABSENT, Durability::Now))).unwrap();
            let second = finish(commit(&store, write(first, Durability::Soon))).unwrap();
            store.crash();
            let left = version_now(&store);
            assert!([first, second].contains(&left), "{left:?}");
            let third = finish(commit(&store, write(left, Durability::Soon))).unwrap();
            assert!(third > second);
        }
    }

    #[test]
    fn what_is_told_is_as_durable_as_what_it_was_decided_from() {
        for seed in 0..50 {
            let store = MemorySessions::new(seed);
            // A commit that has taken effect and is not yet durable.
            let mut slow = Box::pin(commit(&store, write(Version::ABSENT, Durability::Now)));
            assert!(poll_immediate(&mut slow).now_or_never().flatten().is_none());
            assert!(poll_immediate(&mut slow).now_or_never().flatten().is_none());
            let seen = version_now(&store);
            assert_ne!(seen, Version::ABSENT);
            let looked = Commit { changes: Vec::new(), ..write(seen, Durability::Soon) };
            assert_eq!(
                finish(store.commit(&CafeId::parse("cafe").unwrap(), &looked)).unwrap(),
                Committed::Done(vec![])
            );
            drop(slow);
            store.crash();
            assert_eq!(version_now(&store), seen);
        }
    }
}
