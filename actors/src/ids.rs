//! The names of things. Parsing is validation: a value of these types is well formed.

mod play;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use play::{CafeId, CreditId, LauncherId, LauncherKey, PcId, Prefix, PrefixedUuid, SessionId, TokenId};

/// A game's configured name. It is the key of the game's data, so renaming a game starts it empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GameId(Arc<str>);

/// A player within a game: a signed 64-bit number ("Hive Chat WebSocket API", type long).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlayerId(pub i64);

/// A chat channel within a game: 1-100 characters of `A-Z a-z 0-9 - . _ ~ :`
/// ("Hive Chat HTTP API, create channel").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(Arc<str>);

/// One start of one server process. Two starts never share an id, so a lease cannot be mistaken for an older one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(Arc<str>);

/// One login of one player; also the `sessionId` on the wire. It fences every later step of that login.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LoginId(Arc<str>);

/// One socket of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A channel in the whole service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChannelKey {
    pub game: GameId,
    pub channel: ChannelId,
}

/// A player in the whole service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlayerKey {
    pub game: GameId,
    pub player: PlayerId,
}

impl GameId {
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn player(&self, player: PlayerId) -> PlayerKey {
        PlayerKey { game: self.clone(), player }
    }

    pub fn channel(&self, channel: ChannelId) -> ChannelKey {
        ChannelKey { game: self.clone(), channel }
    }
}

impl ChannelId {
    /// Longest channel id, in characters.
    pub const MAX_CHARS: usize = 100;

    /// `None` when the text is not a channel id.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
        let well_formed = (1..=Self::MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed);
        well_formed.then(|| Self(text.into()))
    }

    /// Begins the ids of channels of two players; no other channel may have one.
    const ONE_ON_ONE: &str = "one-on-one:";

    /// The one channel of two players, whichever of them is named first.
    pub fn one_on_one(a: PlayerId, b: PlayerId) -> Self {
        Self(format!("{}{}:{}", Self::ONE_ON_ONE, a.min(b), a.max(b)).into())
    }

    /// Whether the id is kept for the channel of two players.
    pub fn is_one_on_one(&self) -> bool {
        self.0.starts_with(Self::ONE_ON_ONE)
    }

    /// Whether the channel of two players is this player's.
    pub fn is_one_on_one_of(&self, player: PlayerId) -> bool {
        let pair = self.0.strip_prefix(Self::ONE_ON_ONE).and_then(|pair| pair.split_once(':'));
        pair.is_some_and(|(a, b)| [a, b].contains(&player.to_string().as_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl NodeId {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LoginId {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GameId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PlayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LoginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_id_has_1_to_100_characters_of_the_documented_set() {
        for good in ["open:1", "a", "A-Z.a_z~0:9", &"x".repeat(100)] {
            assert!(ChannelId::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "a/b", "é", "a\n", &"x".repeat(101)] {
            assert!(ChannelId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn two_players_share_one_channel_id_and_it_is_well_formed() {
        let id = ChannelId::one_on_one(PlayerId(i64::MIN), PlayerId(7));
        assert_eq!(id, ChannelId::one_on_one(PlayerId(7), PlayerId(i64::MIN)));
        assert_eq!(ChannelId::parse(id.as_str()), Some(id));
    }
}
