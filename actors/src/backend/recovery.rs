//! A node that ended without a goodbye leaves logins behind; another node, or its own next start, ends them.
//!
//! Exactly one node does it at a time: the claim says which. It asks for its claim again before every batch, because
//! its own lease may have run out meanwhile: then another one has taken over, and the node that was thought dead may
//! have its logins back. A step that fails is not tried again here for the same reason; the next round begins with
//! the claim.

use futures_util::future::join_all;
use tracing::{info, warn};

use super::Backend;
use crate::clock::Timestamp;
use crate::ids::NodeId;
use crate::metrics::meters;
use crate::ports::StoreError;

/// Logins ended in one go.
const BATCH: usize = 128;

impl Backend {
    /// Claims every node whose lease ran out before `before`, and ends its logins: exits are announced and RECONNECT
    /// works.
    ///
    /// # Errors
    /// The store's; what is left is taken up at the next call.
    pub async fn recover_dead_nodes(&self, before: Timestamp) -> Result<(), StoreError> {
        let mut dead = self.0.ports.nodes.expired(before).await?;
        dead.retain(|node| *node != self.0.node);
        self.0.dead.send_replace(dead.iter().cloned().collect());
        for dead in dead {
            if self.has_claimed(&dead, before).await?
                && let Some(logins) = self.end_logins_of(&dead, before).await?
            {
                self.0.ports.nodes.retire(&dead).await?;
                meters().dead_nodes_recovered.increment(1);
                info!(node.id = %dead, logins, "dead node recovered");
            }
        }
        Ok(())
    }

    async fn has_claimed(&self, dead: &NodeId, before: Timestamp) -> Result<bool, StoreError> {
        Ok(!self.has_lost_lease() && self.0.ports.nodes.claim(dead, &self.0.node, before).await?)
    }

    /// How many there were; `None` when another node has taken over.
    async fn end_logins_of(&self, dead: &NodeId, before: Timestamp) -> Result<Option<usize>, StoreError> {
        let mut ended = 0;
        loop {
            let logins = self.0.ports.players.logins_on(dead, BATCH).await?;
            if !self.has_claimed(dead, before).await? {
                return Ok(None);
            }
            if logins.is_empty() {
                return Ok(Some(ended));
            }
            // Side by side, so that they share the store's commits.
            let ends = logins.iter().map(|(player, login)| self.try_log_out(player, &login.id, &[]));
            for end in join_all(ends).await {
                end.inspect_err(|error| warn!(node.id = %dead, %error, "login of a dead node not ended now"))?;
            }
            ended += logins.len();
        }
    }
}
