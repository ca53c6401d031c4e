//! A newer login sends an older one away, wherever its socket is.
//!
//! The older one has lost its claim already, so whatever it still does changes nothing. What it is asked for is to
//! close its socket, and to say what that socket was given of each channel: RECONNECT goes on from there. A login that
//! is replaced while it still waits for its own predecessor hands on what it learns of that one. So a chain of logins
//! resolves link by link, and as each link waits no longer than `PATIENCE`, side by side with the others, so does the
//! whole chain.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::{Either, ready};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::Backend;
use super::connections::Seat;
use crate::connection::Kick;
use crate::event::Position;
use crate::ids::{ChannelKey, LoginId, NodeId};
use crate::ports::{Login, Mail};

/// How long an older login may take to go.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// Pause before mail that the store did not take is sent again.
const RETRY: Duration = Duration::from_millis(200);

/// What a socket was given of each channel.
pub(super) type Seen = Vec<(ChannelKey, Position)>;

/// Logins of this node that wait for word from another node, by the login they replace: each is replaced once.
#[derive(Default)]
pub(super) struct Kicks(Mutex<HashMap<LoginId, oneshot::Sender<Seen>>>);

/// Takes its entry away, also when nobody answers.
struct Waiting<'a> {
    kicks: &'a Kicks,
    login: &'a LoginId,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.kicks.0.lock().remove(self.login);
    }
}

impl Backend {
    /// Sends an older login away and waits until it has stopped acting; answers what its socket was given. Nobody's
    /// word is waited for when its node is dead.
    pub(super) async fn kick(&self, previous: &Login) -> Seen {
        let kicked = async {
            if previous.node == self.0.node {
                self.kick_here(&previous.id).await
            } else {
                self.kick_elsewhere(previous).await
            }
        };
        timeout(PATIENCE, kicked).await.unwrap_or_else(|_| {
            warn!(login.id = %previous.id, node.id = %previous.node, "older login does not say that it has gone");
            Seen::new()
        })
    }

    /// Sends a login of this node away; the message is on its way once this returns.
    pub(super) fn kick_here(&self, login: &LoginId) -> impl Future<Output = Seen> + use<> {
        match self.seat(login) {
            Some(Seat::Live(connection)) => {
                let kicked = connection.send(Kick(login.clone()));
                Either::Left(async move { kicked.await.unwrap_or_default() })
            }
            Some(Seat::Leaving(seen)) => Either::Right(ready(seen.to_vec())),
            None => Either::Right(ready(Seen::new())),
        }
    }

    async fn kick_elsewhere(&self, previous: &Login) -> Seen {
        let (sender, answer) = oneshot::channel();
        self.0.kicks.0.lock().insert(previous.id.clone(), sender);
        let _waiting = Waiting { kicks: &self.0.kicks, login: &previous.id };
        let mail = Mail::Kick { login: previous.id.clone(), by: self.0.node.clone() };
        loop {
            match self.0.ports.nodes.send(&previous.node, &mail).await {
                Ok(true) => break,
                // Its node has ended, or has lost its logins and will learn that this one was replaced.
                Ok(false) => return Seen::new(),
                Err(error) => warn!(%error, node.id = %previous.node, "kick not sent, trying again"),
            }
            sleep(RETRY).await;
        }
        tokio::select! {
            seen = answer => seen.unwrap_or_default(),
            () = self.is_dead(&previous.node) => Seen::new(),
        }
    }

    /// Waits until the node is known to be dead.
    pub(super) async fn is_dead(&self, node: &NodeId) {
        let mut dead = self.0.dead.subscribe();
        // The sender lives as long as we do.
        let _ = dead.wait_for(|dead| dead.contains(node)).await;
    }

    pub(super) fn on_kicked(&self, login: &LoginId, seen: Seen) {
        if let Some(waiting) = self.0.kicks.0.lock().remove(login) {
            // It may have given up just now.
            let _ = waiting.send(seen);
        }
    }

    /// The login was replaced: whoever did it may still ask what its socket was given, but not for ever.
    pub(crate) fn strike_off_later(&self, login: LoginId) {
        let backend = self.clone();
        actix::spawn(async move {
            sleep(PATIENCE).await;
            backend.strike_off(&login);
        });
    }
}
