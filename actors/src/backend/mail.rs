//! A node's mail: what other nodes say to the players whose sockets are here, and about logins that replace others.
//!
//! Mail is handed over in its order and at most once: what was received is not asked for again. Who needs to know that
//! it arrived asks for an answer.

use std::time::Duration;

use tokio::time::sleep;
use tracing::{debug, warn};

use super::Backend;
use super::connections::Seat;
use crate::ids::{LoginId, NodeId};
use crate::ports::{Mail, MailId};

/// Pauses before a mailbox that could not be read is read again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// Reads the node's mailbox from its beginning, until it is dropped. A node that registers anew has a new mailbox.
pub(super) async fn read(backend: Backend) {
    let (mut after, mut pause) = (MailId::default(), FIRST_RETRY);
    loop {
        match backend.0.ports.nodes.receive(&backend.0.node, after).await {
            Ok(received) => {
                pause = FIRST_RETRY;
                for (id, mail) in received.into_iter().skip_while(|(id, _)| *id <= after).collect::<Vec<_>>() {
                    after = id;
                    backend.on_mail(mail);
                }
            }
            Err(error) => {
                warn!(%error, "mailbox could not be read, trying again");
                sleep(pause).await;
                pause = (pause * 2).min(LAST_RETRY);
            }
        }
    }
}

impl Backend {
    fn on_mail(&self, mail: Mail) {
        match mail {
            Mail::Note { login, note } => match self.seat(&login) {
                Some(Seat::Live(connection)) => connection.do_send(note),
                _ => debug!(login.id = %login, "mail for a login that has ended"),
            },
            Mail::HandOver { login, note, by, receipt } => self.on_hand_over(&login, note, by, receipt),
            Mail::HandedOver { receipt, taken } => self.on_handed_over(receipt, taken),
            Mail::Kick { login, by } => self.on_kick(login, by),
            Mail::Kicked { login, seen } => self.on_kicked(&login, seen),
        }
    }

    /// Beside the mail that follows: a connection that is still logging in takes its time.
    fn on_kick(&self, login: LoginId, by: NodeId) {
        let (backend, seen) = (self.clone(), self.kick_here(&login));
        drop(self.spawn(async move {
            let answer = Mail::Kicked { login, seen: seen.await };
            // Who waits for it gives up in time.
            if let Err(error) = backend.0.ports.nodes.send(&by, &answer).await {
                warn!(%error, node.id = %by, "kick not answered");
            }
        }));
    }
}
