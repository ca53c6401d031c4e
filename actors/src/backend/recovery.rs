//! A node that ended without a goodbye leaves logins behind; another node, or its own next start, ends them.

use futures_util::future::join_all;
use tracing::{info, warn};

use super::Backend;
use crate::clock::Timestamp;
use crate::ids::NodeId;
use crate::ports::StoreError;

/// Logins ended in one go.
const BATCH: usize = 256;

impl Backend {
    /// Claims every node whose lease ran out before `before`, and ends its logins: exits are announced and RECONNECT
    /// works.
    ///
    /// # Errors
    /// The store's; what is left is taken up at the next call.
    pub async fn recover_dead_nodes(&self, before: Timestamp) -> Result<(), StoreError> {
        for dead in self.0.ports.nodes.expired(before).await? {
            if dead != self.0.node && self.0.ports.nodes.claim(&dead, &self.0.node, before).await? {
                let logins = self.end_logins_of(&dead).await?;
                self.0.ports.nodes.retire(&dead).await?;
                info!(node.id = %dead, logins, "dead node recovered");
            }
        }
        Ok(())
    }

    async fn end_logins_of(&self, dead: &NodeId) -> Result<usize, StoreError> {
        let mut ended = 0;
        loop {
            let logins = self.0.ports.players.logins_on(dead, BATCH).await?;
            if logins.is_empty() {
                return Ok(ended);
            }
            // Side by side, so that they share the store's commits.
            join_all(logins.iter().map(|(player, login)| self.log_out(player, &login.id, &[]))).await;
            let left = self.0.ports.players.logins_on(dead, BATCH).await?;
            if left == logins {
                warn!(node.id = %dead, "logins of a dead node cannot be ended now");
                return Err(StoreError("logins of a dead node could not be ended".into()));
            }
            ended += logins.len();
        }
    }
}
