//! News whose taker is waited for: what is answered after it is true of the player's socket, wherever that is.
//!
//! A block that was answered withholds the very next message, and notices come in the order of their answers. Other
//! mail is sent and not waited for.

use std::collections::HashMap;

use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::warn;

use super::Backend;
use super::connections::Seat;
use super::kick::PATIENCE;
use crate::connection::Note;
use crate::ids::{LoginId, NodeId};
use crate::ports::{Login, Mail, Receipt, StoreError};

/// Who waits for which receipt.
#[derive(Default)]
pub(super) struct Receipts(Mutex<HashMap<Receipt, oneshot::Sender<bool>>>);

/// Takes its entry away, also when nobody answers.
struct Waiting<'a> {
    receipts: &'a Receipts,
    receipt: Receipt,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.receipts.0.lock().remove(&self.receipt);
    }
}

impl Backend {
    /// Says something to a player's live login, and waits until its connection has taken it. `false` when the login is
    /// known to have ended. A node that does not answer in time has the news in its mailbox, or its lease is lost: then
    /// it claims the login anew, with everything the store knows.
    pub(super) async fn hand_over(&self, login: &Login, note: Note) -> Result<bool, StoreError> {
        if login.node == self.0.node {
            Ok(self.hand_over_here(&login.id, note).await)
        } else {
            self.hand_over_elsewhere(login, note).await
        }
    }

    /// The message is on its way once this returns.
    fn hand_over_here(&self, login: &LoginId, note: Note) -> impl Future<Output = bool> + use<> {
        match self.seat(login) {
            Some(Seat::Live(connection)) => Either::Left(connection.send(note).map(|taken| taken.is_ok())),
            _ => Either::Right(ready(false)),
        }
    }

    async fn hand_over_elsewhere(&self, login: &Login, note: Note) -> Result<bool, StoreError> {
        let (receipt, (sender, answer)) = (Receipt(self.random() as u64), oneshot::channel());
        self.0.receipts.0.lock().insert(receipt, sender);
        let _waiting = Waiting { receipts: &self.0.receipts, receipt };
        let mail = Mail::HandOver { login: login.id.clone(), note, by: self.0.node.clone(), receipt };
        if !self.0.ports.nodes.send(&login.node, &mail).await? {
            return Ok(false);
        }
        let taken = async {
            tokio::select! {
                taken = answer => taken.unwrap_or_default(),
                () = self.is_dead(&login.node) => false,
            }
        };
        Ok(timeout(PATIENCE, taken).await.unwrap_or_else(|_| {
            warn!(login.id = %login.id, node.id = %login.node, "news not known to have been taken");
            true
        }))
    }

    /// Beside the mail that follows, but in its order.
    pub(super) fn on_hand_over(&self, login: &LoginId, note: Note, by: NodeId, receipt: Receipt) {
        let (backend, taken) = (self.clone(), self.hand_over_here(login, note));
        drop(self.spawn(async move {
            let answer = Mail::HandedOver { receipt, taken: taken.await };
            // Who waits for it gives up in time.
            if let Err(error) = backend.0.ports.nodes.send(&by, &answer).await {
                warn!(%error, node.id = %by, "receipt not sent");
            }
        }));
    }

    pub(super) fn on_handed_over(&self, receipt: Receipt, taken: bool) {
        if let Some(waiting) = self.0.receipts.0.lock().remove(&receipt) {
            // It may have given up just now.
            let _ = waiting.send(taken);
        }
    }
}
