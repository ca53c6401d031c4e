//! Connections and the store compare notes about who is logged in on this node.
//!
//! A node that dies between claiming a login and sending the older one away leaves that one's socket open, without a
//! login; a store that failed at the wrong moment may leave a login without a socket. Neither is told to anybody, so
//! each node looks from time to time.

use std::collections::HashSet;

use futures_util::future::join_all;
use tracing::info;

use super::Backend;
use crate::connection::Reclaim;
use crate::ports::StoreError;

/// Logins that may begin while the store is asked.
const MARGIN: usize = 1024;

impl Backend {
    /// Has every connection whose login the store does not know claim it anew, which closes it when the player has
    /// logged in elsewhere; ends logins of this node that have no connection.
    ///
    /// # Errors
    /// The store's.
    pub async fn settle_logins(&self) -> Result<(), StoreError> {
        let seated = self.live_logins();
        let logins = self.0.ports.players.logins_on(&self.0.node, seated.len() + MARGIN).await?;
        let known: HashSet<_> = logins.iter().map(|(_, login)| &login.id).collect();
        // One that is only just being claimed, or on its way out, claims in vain and changes nothing.
        let unknown: Vec<_> = seated.iter().filter(|(login, _)| !known.contains(login)).collect();
        let asked = join_all(unknown.iter().map(|(_, connection)| connection.send(Reclaim))).await.len();
        // Looked for after the store has answered: a login takes its seat before it is claimed.
        let vacant: Vec<_> = logins.iter().filter(|(_, login)| self.seat(&login.id).is_none()).collect();
        join_all(vacant.iter().map(|(player, login)| self.try_log_out(player, &login.id, &[]))).await;
        if asked + vacant.len() > 0 {
            info!(unknown = asked, vacant = vacant.len(), "logins of this node settled");
        }
        Ok(())
    }
}
