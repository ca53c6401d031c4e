//! Pointers: from a launcher, a token or a session to its cafe, which never changes.
//!
//! A pointer is written before the commit that makes its document and removed after the one that removes it. So a
//! document that is there has its pointer. The other way round a pointer may be astray, and whoever follows it asks the
//! cafe. One that a commit may have left astray is looked at again by the process that left it; one that a crash left
//! stays, which does no harm: its key is random, and nobody has it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use guildhall_actors::ids::CafeId;
use guildhall_actors::ports::StoreError;
use guildhall_actors::session::DocumentKey;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{PAGE, cafe_id};
use crate::adapters::redis::Redis;
use crate::adapters::redis::keys::Tag;
use crate::adapters::redis::script::Script;

static REMOVE: Script = Script::new(include_str!("../scripts/cafe/remove_pointer.lua"));

/// Longer than a call lasts, with all its attempts: after that a document that is not there will not be made.
const GRACE: Duration = Duration::from_secs(60);
/// Remembered at a time. Others stay astray for good.
const MOST: usize = 10_000;

/// Pointers that may be astray, their cafes, and since when.
#[derive(Default)]
pub(super) struct Strays(Mutex<HashMap<DocumentKey, (CafeId, Instant)>>);

/// The pointers of a commit under way: astray unless it is over in good order, also when its caller goes away.
pub(super) struct Care<'a> {
    strays: &'a Strays,
    cafe: &'a CafeId,
    pointers: Vec<DocumentKey>,
}

impl Strays {
    pub(super) fn care<'a>(&'a self, cafe: &'a CafeId, keys: impl Iterator<Item = &'a DocumentKey>) -> Care<'a> {
        Care { strays: self, cafe, pointers: keys.cloned().collect() }
    }

    fn add(&self, cafe: &CafeId, pointers: Vec<DocumentKey>) {
        let mut strays = self.0.lock();
        let room = MOST.saturating_sub(strays.len());
        strays.extend(pointers.into_iter().take(room).map(|key| (key, (cafe.clone(), Instant::now()))));
    }

    /// Some of those that have been astray for long enough.
    fn take(&self, now: Instant) -> Vec<(DocumentKey, CafeId)> {
        let mut strays = self.0.lock();
        let old = strays.iter().filter(|(_, (_, since))| now.duration_since(*since) >= GRACE);
        let old: Vec<_> = old.take(PAGE).map(|(key, (cafe, _))| (key.clone(), cafe.clone())).collect();
        old.iter().for_each(|(key, _)| drop(strays.remove(key)));
        old
    }
}

impl Care<'_> {
    pub(super) fn over(mut self) {
        self.pointers.clear();
    }
}

impl Drop for Care<'_> {
    fn drop(&mut self) {
        if !self.pointers.is_empty() {
            self.strays.add(self.cafe, std::mem::take(&mut self.pointers));
        }
    }
}

impl Redis {
    pub(super) async fn find_document(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        if !key.kind().is_found_by_key() {
            return Ok(None);
        }
        let cafe: Option<String> = self.0.link.call(redis::cmd("GET").arg(pointer(key))).await?;
        let Some(cafe) = cafe else { return Ok(None) };
        let cafe = cafe_id(&cafe)?;
        Ok(self.has_document(&cafe, key).await?.then_some(cafe))
    }

    pub(super) async fn point(&self, key: &DocumentKey, cafe: &CafeId) -> Result<(), StoreError> {
        self.0.link.call(redis::cmd("SET").arg(pointer(key)).arg(cafe.as_str())).await
    }

    pub(super) async fn unpoint(&self, cafe: &CafeId, keys: &[&DocumentKey]) -> Result<(), StoreError> {
        try_join_all(keys.iter().map(|key| self.remove_pointer(key, cafe))).await.map(drop)
    }

    async fn remove_pointer(&self, key: &DocumentKey, cafe: &CafeId) -> Result<(), StoreError> {
        self.0.link.run(REMOVE.on(&[&pointer(key)]).arg(cafe.as_str())).await
    }

    /// Removes the pointers of this process that have gone astray.
    pub(super) async fn remove_strays(&self) -> Result<(), StoreError> {
        let removals = self.0.upkeep.strays.take(Instant::now()).into_iter().map(|(key, cafe)| async move {
            let care = self.0.upkeep.strays.care(&cafe, std::iter::once(&key));
            if !self.has_document(&cafe, &key).await? {
                self.remove_pointer(&key, &cafe).await?;
            }
            care.over();
            Ok(())
        });
        try_join_all(removals).await.map(drop)
    }
}

fn pointer(key: &DocumentKey) -> String {
    Tag::pointer(key).key("cafe")
}

#[cfg(test)]
mod tests {
    use guildhall_actors::ids::TokenId;

    use super::*;

    #[test]
    fn a_pointer_is_astray_unless_its_commit_is_over_in_good_order() {
        let (strays, cafe) = (Strays::default(), CafeId::parse("cafe").expect("a cafe id"));
        let keys = [1, 2].map(|bits| DocumentKey::Token(TokenId::from_random(bits)));
        strays.care(&cafe, keys[..1].iter()).over();
        drop(strays.care(&cafe, keys[1..].iter()));
        let now = Instant::now();
        assert!(strays.take(now).is_empty(), "its commit may still come");
        assert_eq!(strays.take(now + GRACE), [(keys[1].clone(), cafe)]);
        assert!(strays.take(now + GRACE).is_empty());
    }
}
