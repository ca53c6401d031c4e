//! What a node is told about itself and its games.

use std::fmt;
use std::time::Duration;

use crate::ids::GameId;
use crate::limits::{ChatLimits, ConnectionLimits, OutboxLimits, SessionLimits};
use crate::outbox::Framing;

/// Which channels a lost socket leaves. ONE_ON_ONE channels are never left this way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaveOnDisconnect {
    /// All of them ("Hive Chat WebSocket API", April 2025).
    #[default]
    All,
    /// PUBLIC ones ("Hive Chat HTTP API, channel types", later cut).
    Public,
}

/// Settings of the chat and of play.
#[derive(Clone)]
pub struct Settings {
    pub connection: ConnectionLimits,
    pub outbox: OutboxLimits,
    pub chat: ChatLimits,
    pub session: SessionLimits,
    pub leave_on_disconnect: LeaveOnDisconnect,
    /// Whether RECONNECT replays what was missed.
    pub replay_on_reconnect: bool,
    /// How long a channel actor stays after its last use.
    pub channel_linger: Duration,
    pub framing: Framing,
}

/// A game that chats.
pub struct Game {
    pub id: GameId,
    /// `gameIndex` on the wire.
    pub index: i64,
    login_key_secret: Vec<u8>,
}

impl Game {
    pub fn new(id: GameId, index: i64, login_key_secret: Vec<u8>) -> Self {
        Self { id, index, login_key_secret }
    }

    /// The HS256 secret of the game's login keys.
    pub fn login_key_secret(&self) -> &[u8] {
        &self.login_key_secret
    }
}

impl fmt::Debug for Game {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Game").field("id", &self.id).field("index", &self.index).finish_non_exhaustive()
    }
}
