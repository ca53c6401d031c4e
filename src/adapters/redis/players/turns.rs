//! Turns: steps on one player that got in each other's way take place one after the other.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use tokio::sync::Mutex;

/// Many more than steps that collide at a time. Players who share a turn only wait for each other.
const TURNS: usize = 256;

pub(in super::super) struct Turns(Vec<Mutex<()>>);

impl Turns {
    pub(in super::super) fn new() -> Self {
        Self((0..TURNS).map(|_| Mutex::new(())).collect())
    }

    pub(super) fn of(&self, key: &str) -> &Mutex<()> {
        let hash = FixedState::default().hash_one(key);
        &self.0[usize::from(hash as u8)]
    }
}
