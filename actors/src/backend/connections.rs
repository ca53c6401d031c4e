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
use crate::ids::{ChannelKey, ConnectionId, LoginId, PlayerKey};
use crate::ports::{Login, Mail, StoreError};

/// Pause before looking again for connections whose login is under way.
const LOGIN_POLL: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(super) struct Connections(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    addresses: HashMap<ConnectionId, Addr<PlayerConnection>>,
    /// By login, not by player: while one login replaces another, both must be found.
    logins: HashMap<LoginId, Seat>,
}

/// Where a login of this node is in its life.
#[derive(Clone)]
pub(super) enum Seat {
    Live(Addr<PlayerConnection>),
    /// The socket is gone, the logout under way: what the socket was given.
    Leaving(Arc<[(ChannelKey, Position)]>),
}

impl Backend {
    pub(crate) fn add_connection(&self, id: ConnectionId, address: Addr<PlayerConnection>) {
        self.0.connections.0.lock().addresses.insert(id, address);
    }

    pub(crate) fn remove_connection(&self, id: ConnectionId) {
        self.0.connections.0.lock().addresses.remove(&id);
    }

    /// Open sockets of this node.
    pub fn connection_count(&self) -> usize {
        self.0.connections.0.lock().addresses.len()
    }

    /// Makes a login findable, before it is claimed: whoever replaces it must find it.
    pub(crate) fn enlist(&self, login: &LoginId, connection: Addr<PlayerConnection>) {
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
        self.0.connections.0.lock().logins.get(login).cloned()
    }

    /// Says something to a player's live login: here, or by mail to its node. `false` when it is known to have ended.
    pub(super) async fn tell(&self, player: &PlayerKey, login: &Login, note: Note) -> Result<bool, StoreError> {
        if login.node == self.0.node {
            let Some(Seat::Live(connection)) = self.seat(&login.id) else { return Ok(false) };
            connection.do_send(note);
            return Ok(true);
        }
        let mail = Mail { player: player.clone(), login: login.id.clone(), note };
        self.0.ports.nodes.send(&login.node, &mail).await
    }

    /// Closes every connection, `batch` at a time; each batch waits until its logins have been ended in good order.
    pub async fn shut_down_connections(&self, reason: Close, batch: usize) {
        loop {
            let connections: Vec<_> = self.0.connections.0.lock().addresses.values().take(batch).cloned().collect();
            if connections.is_empty() {
                return;
            }
            let closed = connections.iter().map(|connection| connection.send(ShutDown(reason)));
            futures_util::future::join_all(closed).await;
            // A connection whose login is under way leaves the registry when that is through.
            tokio::time::sleep(LOGIN_POLL).await;
        }
    }
}
