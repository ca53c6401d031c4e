//! Reads, has a rule decide, commits; once more when something changed in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::decision::{Decision, Need, SessionEnd, View};
use super::documents::{DocumentKey, DocumentKind, EndReason};
use crate::clock::{Clock, Timestamp};
use crate::ids::{CafeId, SessionId};
use crate::metrics::{CommitOutcome, meters};
use crate::ports::{Commit, Committed, Sessions, StoreError, Stored};

/// Decisions in a row that may find everything changed. Somebody gets through each time, so reaching this means
/// hundreds of calls on one cafe in one instant.
const MAX_ATTEMPTS: usize = 256;

/// After so many decisions in vain a caller waits for its turn at the cafe. Charges of all its PCs fall into the same
/// second, each changes the one account, and on a store behind a network each would be in the way of all the others:
/// as many attempts as the square of their number. In turn, those of one node are out of each other's way.
const ATTEMPTS_OUT_OF_TURN: usize = 2;

/// What decides, commits and knows which sessions are just ending. Cheap to clone.
#[derive(Clone)]
pub struct Transactor {
    sessions: Arc<dyn Sessions>,
    clock: Clock,
    endings: Endings,
    turns: Turns,
}

/// Whose turn it is at cafes where decisions were in vain. As many as there are such cafes.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<HashMap<CafeId, Arc<Queue>>>>);

#[derive(Default)]
struct Queue {
    front: Arc<tokio::sync::Mutex<()>>,
    /// A store that fails must not make those in line wait for one failure after the other: they go all at once.
    is_dissolved: AtomicBool,
}

/// A turn that is over when it is dropped. Unless its decision took effect, so is the line behind it.
struct Turn<'a> {
    turns: &'a Turns,
    cafe: &'a CafeId,
    queue: Arc<Queue>,
    succeeded: bool,
    _front: OwnedMutexGuard<()>,
}

/// The documents of one session as its actor last saw them, so that a warm call reads nothing. Whether they still
/// hold is for the commit to say.
#[derive(Debug, Default)]
pub struct Memory(Vec<(DocumentKey, Stored)>);

/// Sessions of this node whose end is being committed.
#[derive(Clone, Default)]
struct Endings(Arc<EndingsInner>);

#[derive(Default)]
struct EndingsInner {
    /// Commits under way that end something: most of the time none, and then nobody needs the table.
    count: AtomicUsize,
    sessions: Mutex<HashMap<SessionId, usize>>,
}

/// Keeps sessions in the table while it lives.
struct Ending<'a> {
    endings: &'a Endings,
    sessions: Vec<SessionId>,
}

impl Transactor {
    pub fn new(sessions: Arc<dyn Sessions>, clock: Clock) -> Self {
        Self { sessions, clock, endings: Endings::default(), turns: Turns::default() }
    }

    pub fn sessions(&self) -> &dyn Sessions {
        &*self.sessions
    }

    /// Whether this node is committing the end of a session right now. A replaced session is not ending in this
    /// sense: its game server is to hear that it was replaced.
    pub fn is_ending(&self, session: SessionId) -> bool {
        let endings = &self.endings.0;
        endings.count.load(Ordering::Acquire) > 0 && endings.sessions.lock().contains_key(&session)
    }

    /// Has `decide` decide until its decision takes effect. `prefetch` is read in one go; whatever else it needs, one
    /// by one.
    ///
    /// # Errors
    /// The store's. The decision may have taken effect then, whole, or not at all.
    pub async fn transact<T>(
        &self,
        cafe: &CafeId,
        memory: &mut Memory,
        prefetch: &[DocumentKey],
        decide: impl Fn(&View<'_>, Timestamp) -> Result<Decision<T>, Need>,
    ) -> Result<Decision<T>, StoreError> {
        let mut turn = None;
        for attempt in 0..MAX_ATTEMPTS {
            if attempt == ATTEMPTS_OUT_OF_TURN {
                turn = self.turns.wait(cafe).await;
            }
            let mut read = self.read(cafe, memory, prefetch).await?;
            let decision = loop {
                match decide(&View::new(cafe, &read), self.clock.now()) {
                    Ok(decision) => break decision,
                    Err(Need(key)) => read.extend(self.read(cafe, memory, &[key]).await?),
                }
            };
            if !decision.waits {
                turn.iter_mut().for_each(|turn| turn.succeeded = true);
                return Ok(decision);
            }
            let _ending = self.endings.begin(&decision.ends);
            let Decision { reply, changes, settlements, ends, durability, waits } = decision;
            let expected = read.iter().map(|(key, stored)| (key.clone(), stored.version)).collect();
            let commit = Commit { expected, changes, settlements, durability };
            if let Committed::Done(versions) = self.commit(cafe, &commit).await? {
                let Commit { changes, settlements, .. } = commit;
                let changed = changes
                    .iter()
                    .zip(versions)
                    .map(|((key, document), version)| (key.clone(), Stored { version, document: document.clone() }));
                turn.iter_mut().for_each(|turn| turn.succeeded = true);
                memory.remember(read.into_iter().chain(changed));
                return Ok(Decision { reply, changes, settlements, ends, durability, waits });
            }
        }
        Err(StoreError(format!("cafe {cafe} changes faster than a decision is made")))
    }

    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        let committed = self.sessions.commit(cafe, commit).await;
        let outcome = match &committed {
            Ok(Committed::Done(_)) => CommitOutcome::Done,
            Ok(Committed::Conflict) => CommitOutcome::Conflict,
            Err(_) => CommitOutcome::Failed,
        };
        meters().session_commits.of((outcome,)).increment(1);
        if matches!(outcome, CommitOutcome::Done) && !commit.settlements.is_empty() {
            meters().settlements.increment(commit.settlements.len() as u64);
            meters().settled_coins.increment(commit.settlements.iter().map(|settlement| settlement.coins).sum());
        }
        committed
    }

    /// From memory where it is there, else from the store. What is read leaves the memory: it comes back only with a
    /// commit that found it true.
    async fn read(
        &self,
        cafe: &CafeId,
        memory: &mut Memory,
        keys: &[DocumentKey],
    ) -> Result<Vec<(DocumentKey, Stored)>, StoreError> {
        let mut read = Vec::with_capacity(keys.len() + 2);
        let mut unknown = Vec::new();
        for key in keys {
            match memory.take(key) {
                Some(stored) => read.push((key.clone(), stored)),
                None => unknown.push(key.clone()),
            }
        }
        if !unknown.is_empty() {
            let stored = self.sessions.load(cafe, &unknown).await?;
            read.extend(unknown.into_iter().zip(stored));
        }
        Ok(read)
    }
}

impl Memory {
    fn take(&mut self, key: &DocumentKey) -> Option<Stored> {
        let place = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Keeps what belongs to one session alone: an account changes with every other session of the cafe.
    fn remember(&mut self, documents: impl Iterator<Item = (DocumentKey, Stored)>) {
        for (key, stored) in documents {
            if matches!(key.kind(), DocumentKind::Session | DocumentKind::Pc) {
                drop(self.take(&key));
                self.0.push((key, stored));
            }
        }
    }
}

impl Turns {
    /// `None` when the line was dissolved in the meantime.
    async fn wait<'a>(&'a self, cafe: &'a CafeId) -> Option<Turn<'a>> {
        let queue = self.0.lock().entry(cafe.clone()).or_default().clone();
        let front = queue.front.clone().lock_owned().await;
        let is_dissolved = queue.is_dissolved.load(Ordering::Acquire);
        (!is_dissolved).then(|| Turn { turns: self, cafe, queue, succeeded: false, _front: front })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.succeeded {
            self.queue.is_dissolved.store(true, Ordering::Release);
            self.turns.0.lock().remove(self.cafe);
        }
    }
}

impl Endings {
    fn begin(&self, ends: &[SessionEnd]) -> Option<Ending<'_>> {
        let ends = ends.iter().filter(|end| end.reason != EndReason::SessionReplaced);
        let sessions: Vec<_> = ends.map(|end| end.session).collect();
        if sessions.is_empty() {
            return None;
        }
        let mut table = self.0.sessions.lock();
        for session in &sessions {
            *table.entry(*session).or_default() += 1;
        }
        self.0.count.fetch_add(1, Ordering::Release);
        Some(Ending { endings: self, sessions })
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let mut table = self.endings.0.sessions.lock();
        for session in &self.sessions {
            if let Some(count) = table.get_mut(session) {
                *count -= 1;
                if *count == 0 {
                    table.remove(session);
                }
            }
        }
        self.endings.0.count.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn whoever_fails_at_its_turn_sends_all_in_line_at_once() {
        let (turns, cafe) = (Turns::default(), CafeId::parse("cafe").unwrap());
        let mut first = turns.wait(&cafe).now_or_never().flatten().unwrap();
        let (mut second, mut third) = (Box::pin(turns.wait(&cafe)), Box::pin(turns.wait(&cafe)));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        first.succeeded = true;
        drop(first);
        let second = second.now_or_never().flatten().unwrap();
        let mut fourth = Box::pin(turns.wait(&cafe));
        assert!(third.as_mut().now_or_never().is_none() && fourth.as_mut().now_or_never().is_none());
        drop(second);
        assert!(third.now_or_never().unwrap().is_none() && fourth.now_or_never().unwrap().is_none());
        assert!(turns.wait(&cafe).now_or_never().flatten().is_some(), "a new line");
    }
}
