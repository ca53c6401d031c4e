//! A player: who it is, and how far it has come.

use super::socket::Socket;

/// Who a player is, and where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) id: i64,
    /// Places in the site's list of channels.
    pub(crate) channels: Vec<u32>,
    /// Whether it talks, in the first of them.
    pub(crate) talks: bool,
}

impl Role {
    /// Deals the players out to threads, one by one.
    pub(crate) fn deal(roles: impl IntoIterator<Item = Self>, threads: usize) -> Vec<Vec<Self>> {
        let mut parts = vec![Vec::new(); threads];
        for (number, role) in roles.into_iter().enumerate() {
            parts[number % threads].push(role);
        }
        parts
    }
}

/// How far a player has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Has not begun to connect, or was cut off.
    Away,
    /// Waits for 101 Switching Protocols.
    Upgrading,
    /// Waits until packets may be sent.
    Opening,
    /// Waits for the answer to CONNECT or RECONNECT.
    LoggingIn,
    /// Waits until the game server has entered it into so many channels.
    Entering(usize),
    /// Is where it belongs.
    Present,
    /// Was refused, closed or lost.
    Gone,
}

pub(crate) struct Player {
    pub(crate) role: Role,
    pub(crate) stage: Stage,
    pub(crate) socket: Option<Socket>,
    /// When it was to come in: the moment at which its turn came, or at which its socket was cut.
    pub(crate) wanted_at: u64,
    /// When it began to connect.
    pub(crate) began_at: u64,
    /// Whether it was present before, so that it comes back by RECONNECT.
    pub(crate) returns: bool,
}

impl Player {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, stage: Stage::Away, socket: None, wanted_at: 0, began_at: 0, returns: false }
    }

    /// Whether it is on its way in.
    pub(crate) fn is_arriving(&self) -> bool {
        matches!(self.stage, Stage::Upgrading | Stage::Opening | Stage::LoggingIn | Stage::Entering(_))
    }
}
