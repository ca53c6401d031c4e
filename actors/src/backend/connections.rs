//! The registry of connections: every socket of this node, and who is logged in on it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use parking_lot::Mutex;

use super::Backend;
use crate::close::Close;
use crate::connection::{Note, PlayerConnection, ShutDown};
use crate::event::Position;
use crate::ids::{ChannelKey, ConnectionId, LoginId};
use crate::ports::{Login, Mail, StoreError};

/// Pause before looking again for connections whose login is under way.
const LOGIN_POLL: Duration = Duration::from_millis(5);

/// Sockets closed at once when the node ends: their logouts share the store's commits.
const BATCH: usize = 256;
/// Longest pause between two batches: a node with little to close is not to take its time.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Connections(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    addresses: HashMap<ConnectionId, Addr<PlayerConnection>>,
    /// By login, not by player: while one login replaces another, both must be found.
    logins: HashMap<LoginId, Seat<ConnectionId>>,
}

/// Where a login of this node is in its life, with its connection.
#[derive(Clone)]
pub(super) enum Seat<C = Addr<PlayerConnection>> {
    Live(C),
    /// The socket is gone, the logout under way: what the socket was given.
    Leaving(Arc<[(ChannelKey, Position)]>),
}

impl Tables {
    fn seat(&self, login: &LoginId) -> Option<Seat> {
        match self.logins.get(login)? {
            Seat::Live(connection) => self.addresses.get(connection).cloned().map(Seat::Live),
            Seat::Leaving(seen) => Some(Seat::Leaving(seen.clone())),
        }
    }
}

impl Backend {
    pub(crate) fn add_connection(&self, id: ConnectionId, address: Addr<PlayerConnection>) {
        self.0.connections.0.lock().addresses.insert(id, address);
    }

    pub(crate) fn remove_connection(&self, id: ConnectionId) {
        self.0.connections.0.lock().addresses.remove(&id);
    }

    pub(super) fn connections(&self) -> Vec<Addr<PlayerConnection>> {
        self.0.connections.0.lock().addresses.values().cloned().collect()
    }

    pub(super) fn live_logins(&self) -> Vec<(LoginId, Addr<PlayerConnection>)> {
        let tables = self.0.connections.0.lock();
        let live = |login: &LoginId| match tables.seat(login) {
            Some(Seat::Live(connection)) => Some((login.clone(), connection)),
            _ => None,
        };
        tables.logins.keys().filter_map(live).collect()
    }

    /// Open sockets of this node.
    pub fn connection_count(&self) -> usize {
        self.0.connections.0.lock().addresses.len()
    }

    /// Makes a login findable, before it is claimed: whoever replaces it must find it.
    pub(crate) fn enlist(&self, login: &LoginId, connection: ConnectionId) {
        self.0.connections.0.lock().logins.insert(login.clone(), Seat::Live(connection));
    }

    /// The login's socket is gone; until the logout is through, this is where its memory is found.
    pub(crate) fn begin_leaving(&self, login: &LoginId, seen: &[(ChannelKey, Position)]) {
        self.0.connections.0.lock().logins.insert(login.clone(), Seat::Leaving(seen.into()));
    }

    pub(crate) fn strike_off(&self, login: &LoginId) {
        self.0.connections.0.lock().logins.remove(login);
    }

    pub(super) fn seat(&self, login: &LoginId) -> Option<Seat> {
        self.0.connections.0.lock().seat(login)
    }

    /// Says something to a player's live login: here, or by mail to its node. `false` when it is known to have ended.
    pub(super) async fn tell(&self, login: &Login, note: Note) -> Result<bool, StoreError> {
        if login.node == self.0.node {
            let Some(Seat::Live(connection)) = self.seat(&login.id) else { return Ok(false) };
            connection.do_send(note);
            return Ok(true);
        }
        let mail = Mail::Note { login: login.id.clone(), note };
        self.0.ports.nodes.send(&login.node, &mail).await
    }

    /// Closes every connection, some at a time; each batch waits until its logins have been ended in good order. Many
    /// are spread over `span`, so that their clients do not all come back in one instant; few go at once.
    pub async fn shut_down_connections(&self, reason: Close, span: Duration) {
        let pause = pause_between_batches(self.connection_count(), span);
        for round in 0.. {
            let connections: Vec<_> = self.0.connections.0.lock().addresses.values().take(BATCH).cloned().collect();
            if connections.is_empty() {
                return;
            }
            if round > 0 {
                tokio::time::sleep(pause).await;
            }
            let closed = connections.iter().map(|connection| connection.send(ShutDown(reason)));
            futures_util::future::join_all(closed).await;
            // A connection whose login is under way leaves the registry when that is through.
            tokio::time::sleep(LOGIN_POLL).await;
        }
    }
}

fn pause_between_batches(connections: usize, span: Duration) -> Duration {
    let pauses = connections.div_ceil(BATCH).saturating_sub(1);
    u32::try_from(pauses).ok().and_then(|pauses| span.checked_div(pauses)).unwrap_or_default().min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_connections_are_closed_at_once_and_many_over_the_span() {
        let pause = |connections| pause_between_batches(connections, Duration::from_secs(10));
        assert_eq!([0, 1, BATCH].map(pause), [Duration::ZERO; 3]);
        assert_eq!(pause(BATCH + 1), LONGEST_PAUSE);
        assert_eq!(pause(101 * BATCH), Duration::from_millis(100));
        assert_eq!(pause_between_batches(1_000_000, Duration::ZERO), Duration::ZERO);
    }
}
