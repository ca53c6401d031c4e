//! The names of all keys. What belongs to one noun shares a hash tag, so that it shares a slot of a cluster.

use std::fmt::Display;

use guildhall_actors::ids::{CafeId, ChannelKey, GameId, NodeId, PlayerKey};
use guildhall_actors::session::DocumentKey;

/// All that belongs to one noun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag(String);

impl Tag {
    pub(super) fn channel(key: &ChannelKey) -> Self {
        Self(format!("guildhall:{{channel:{}:{}}}", key.game, key.channel))
    }

    pub(super) fn player(key: &PlayerKey) -> Self {
        Self(format!("guildhall:{{player:{}:{}}}", key.game, key.player))
    }

    pub(super) fn cafe(cafe: &CafeId) -> Self {
        Self(format!("guildhall:{{cafe:{cafe}}}"))
    }

    /// The names and deadlines of all cafes.
    pub(super) fn cafes() -> Self {
        Self("guildhall:{cafes}".into())
    }

    /// Where a document is that is found by its key, which begins with its kind.
    pub(super) fn pointer(key: &DocumentKey) -> Self {
        Self(format!("guildhall:{{{key}}}"))
    }

    pub(super) fn node(node: &NodeId) -> Self {
        Self(format!("guildhall:{{node:{node}}}"))
    }

    /// The leases of all nodes.
    pub(super) fn nodes() -> Self {
        Self("guildhall:{nodes}".into())
    }

    /// The index of a game's channels.
    pub(super) fn index(game: &GameId) -> Self {
        Self(format!("guildhall:{{index:{game}}}"))
    }

    pub(super) fn inbox(game: &GameId) -> Self {
        Self(format!("guildhall:{{inbox:{game}}}"))
    }

    /// One thing of the noun.
    pub(super) fn key(&self, name: impl Display) -> String {
        format!("{}:{name}", self.0)
    }

    /// The name of the noun's own pub/sub channel.
    pub(super) fn bell(&self) -> &str {
        &self.0
    }
}
