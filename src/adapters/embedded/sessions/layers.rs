//! A table as memory has it: what is ahead of the disk, over a bounded part of what is on it.
//!
//! What is ahead stays until it is on disk. Of the rest two generations are kept: when the younger is full it becomes
//! the older, and what was not asked for since the last time goes.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::HashMap;

/// See the module's text. The first of the four that has a key has its newest value; below it there may be older ones.
pub(super) struct Layers<K, V> {
    /// Changed, and not yet handed to the disk.
    dirty: HashMap<K, V>,
    /// Handed to the transaction under way. Whether it succeeds is not known, and readers do not see it yet.
    writing: Arc<HashMap<K, V>>,
    recent: HashMap<K, V>,
    old: HashMap<K, V>,
    /// When `recent` is full.
    capacity: usize,
    rotations: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Layers<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let (writing, dirty, recent, old) = Default::default();
        Self { dirty, writing, recent, old, capacity, rotations: 0 }
    }

    /// How often a generation was dropped. What was in memory still is, until this has grown by two.
    pub(super) fn rotations(&self) -> u64 {
        self.rotations
    }

    /// The newest value, when memory has it. Drops nothing.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        let found = self.dirty.get(key).or_else(|| self.writing.get(key)).or_else(|| self.recent.get(key));
        if let Some(value) = found {
            return Some(value.clone());
        }
        // A full generation takes no more, or one that is asked for again and again would never end.
        if self.recent.len() >= self.capacity {
            return self.old.get(key).cloned();
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.recent.insert(key, value.clone());
        Some(value)
    }

    pub(super) fn change(&mut self, key: K, value: V) {
        self.dirty.insert(key, value);
    }

    /// What waits to be handed to the disk.
    pub(super) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// What the transaction under way has of it.
    pub(super) fn writing(&self) -> usize {
        self.writing.len()
    }

    /// Everything dirty, for the transaction under way.
    pub(super) fn hand_over(&mut self) -> Arc<HashMap<K, V>> {
        let batch = Arc::new(std::mem::take(&mut self.dirty));
        if self.writing.is_empty() {
            self.writing = batch.clone();
        } else {
            let newer = batch.iter().map(|(key, value)| (key.clone(), value.clone()));
            Arc::make_mut(&mut self.writing).extend(newer);
        }
        batch
    }

    /// The transaction under way is on disk.
    pub(super) fn settle(&mut self) {
        if !self.writing.is_empty() {
            self.make_room();
            self.recent.extend(Arc::unwrap_or_clone(std::mem::take(&mut self.writing)));
        }
    }

    /// Drops a generation when it is time to, so that whatever is added next stays for a while.
    pub(super) fn make_room(&mut self) {
        if self.recent.len() >= self.capacity {
            self.old = std::mem::take(&mut self.recent);
            self.rotations += 1;
        }
    }

    /// Adds what is on disk. Memory must have nothing newer.
    pub(super) fn remember(&mut self, key: K, value: V) {
        debug_assert!(!self.dirty.contains_key(&key) && !self.writing.contains_key(&key));
        self.recent.insert(key, value);
    }

    pub(super) fn forget(&mut self) {
        *self = Self { rotations: self.rotations, ..Self::new(self.capacity) };
    }
}
