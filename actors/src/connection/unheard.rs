//! Channels that a connection is to hear and does not yet.

use crate::event::Position;
use crate::ids::ChannelKey;

/// Where each channel is to be heard from, should the socket end before it is. Nothing, and no memory, for most of a
/// connection's life.
#[derive(Default)]
pub(super) struct Unheard(Vec<(ChannelKey, Position)>);

impl Unheard {
    pub(super) fn add(&mut self, key: ChannelKey, after: Position) {
        self.remove(&key);
        self.0.push((key, after));
    }

    pub(super) fn remove(&mut self, key: &ChannelKey) {
        self.0.retain(|(unheard, _)| unheard != key);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

impl IntoIterator for Unheard {
    type Item = (ChannelKey, Position);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
