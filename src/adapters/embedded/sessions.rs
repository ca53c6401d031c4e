//! `Sessions` on SQLite, which follows what is in memory: see `memory.rs`.
//!
//! A commit that nobody needs on disk at once, the heartbeat of a game that is under way, touches neither the database
//! nor another thread. One that must be durable shares the next transaction with all that is ahead of the disk.

mod flush;
mod layers;
mod memory;
mod rows;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::CafeId;
use guildhall_actors::metrics::StorePort;
use guildhall_actors::ports::{Commit, Committed, Sessions, SettlementQuery, StoreError, Stored};
use guildhall_actors::session::{Document, DocumentKey, DocumentKind, Settlement};

use super::Embedded;
use memory::Applied;

pub(super) use flush::Flusher;
pub(super) use memory::Memory;
pub(super) use rows::last_version;

impl Embedded {
    /// Brings everything in memory to the disk. With an epoch: fails when anything was forgotten since.
    pub(super) async fn flush(&self, epoch: Option<u64>) -> Result<(), StoreError> {
        let memory = self.0.memory.clone();
        self.write(StorePort::Sessions, move |transaction| flush::flush(&memory, epoch, transaction)).await
    }

    async fn is_any_settled(&self, settlements: &[Settlement]) -> Result<bool, StoreError> {
        let settlements = settlements.to_vec();
        self.query(StorePort::Sessions, move |sql| rows::is_any_settled(sql, &settlements)).await
    }
}

#[async_trait]
impl Sessions for Embedded {
    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        if !key.kind().is_found_by_key() {
            return Ok(None);
        }
        let mark = match self.0.memory.recall_place(key) {
            Ok(place) => return Ok(place),
            Err(mark) => mark,
        };
        let sought = key.clone();
        let read = self.query(StorePort::Sessions, move |sql| rows::place(sql, &sought)).await?;
        Ok(self.0.memory.learn_place(key, mark, read))
    }

    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError> {
        let (mut found, mark) = self.0.memory.recall(cafe, keys);
        let missing: Vec<_> = keys.iter().zip(&found).filter(|(_, stored)| stored.is_none()).collect();
        if !missing.is_empty() {
            let keys = missing.into_iter().map(|(key, _)| key.clone()).collect();
            let of = cafe.clone();
            let read = self.query(StorePort::Sessions, move |sql| rows::load(sql, &of, keys)).await?;
            let mut learnt = self.0.memory.learn(cafe, mark, read).into_iter();
            found.iter_mut().filter(|stored| stored.is_none()).for_each(|stored| *stored = learnt.next());
        }
        Ok(found.into_iter().flatten().collect())
    }

    async fn commit(&self, cafe: &CafeId, commit: &Commit) -> Result<Committed, StoreError> {
        let mut settled = None;
        loop {
            match self.0.memory.apply(cafe, commit, settled)? {
                Applied::Done(versions, None) => return Ok(Committed::Done(versions)),
                Applied::Done(versions, epoch) => {
                    self.flush(epoch).await?;
                    return Ok(Committed::Done(versions));
                }
                Applied::Conflict => return Ok(Committed::Conflict),
                Applied::Unsure(mark) => settled = Some((mark, self.is_any_settled(&commit.settlements).await?)),
            }
        }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        self.query(StorePort::Sessions, move |sql| rows::due(sql, now, limit)).await
    }

    async fn list(
        &self,
        cafe: &CafeId,
        kind: DocumentKind,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError> {
        if self.0.memory.is_ahead() {
            self.flush(None).await?;
        }
        let (cafe, after) = (cafe.clone(), after.cloned());
        self.query(StorePort::Sessions, move |sql| rows::list(sql, &cafe, kind, after.as_ref(), limit)).await
    }

    async fn cafes(&self, after: Option<&CafeId>, limit: usize) -> Result<Vec<CafeId>, StoreError> {
        let after = after.cloned();
        self.query(StorePort::Sessions, move |sql| rows::cafes(sql, after.as_ref(), limit)).await
    }

    async fn settlements(&self, query: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        let query = query.clone();
        self.query(StorePort::Sessions, move |sql| rows::settlements(sql, &query)).await
    }
}
