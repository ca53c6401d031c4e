//! Which logins may be on a node: a set with the node, into which a login is put before it is claimed, and from which
//! it is taken after it ended.
//!
//! A crash in between leaves an entry too many, never one too few: what is read is looked up with its player, who has
//! the say. Nothing is taken out by reading, since an entry may be ahead of its claim. The set goes with its node.
//! Every claim has an entry of its own, so that none is taken out for a claim that ended before.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use guildhall_actors::ids::{NodeId, PlayerKey};
use guildhall_actors::ports::{Login, StoreError};
use redis::cmd;
use tracing::warn;

use super::super::Redis;
use super::super::keys::Tag;
use super::fields::{read, write};
use super::{player_key, unique};

/// Entries read at once.
const BATCH: usize = 256;

/// The set of a node.
pub(in super::super) fn logins_key(node: &NodeId) -> String {
    Tag::node(node).key("logins")
}

/// A claim as it is put into the set: the player, and what sets the claim apart from all others.
pub(super) fn entry(player: &PlayerKey) -> Result<String, StoreError> {
    write(&(player, unique()))
}

impl Redis {
    pub(super) async fn list_login(&self, node: &NodeId, entry: &str) -> Result<(), StoreError> {
        self.0.link.call(cmd("SADD").arg(logins_key(node)).arg(entry)).await
    }

    /// Takes out a claim that does not live. Nobody waits for this: an entry too many does no harm.
    pub(super) fn unlist_login(&self, node: NodeId, entry: String) {
        let store = self.clone();
        tokio::spawn(async move {
            let command = cmd("SREM").arg(logins_key(&node)).arg(entry).take();
            if let Err(error) = store.0.link.call::<()>(&command).await {
                warn!(%error, "ended login stays listed");
            }
        });
    }

    pub(super) async fn live_logins(&self, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, StoreError> {
        let key = logins_key(node);
        let (mut live, mut seen, mut cursor) = (Vec::new(), HashSet::new(), 0_u64);
        loop {
            let scan = cmd("SSCAN").arg(&key).arg(cursor).arg("COUNT").arg(limit.min(BATCH)).take();
            let (next, mut entries): (u64, Vec<String>) = self.0.link.call(&scan).await?;
            // A set that grows meanwhile may show an entry twice.
            entries.retain(|entry| seen.insert(entry.clone()));
            let found = try_join_all(entries.iter().map(|entry| self.live_login(node, entry))).await?;
            live.extend(found.into_iter().flatten());
            if next == 0 || live.len() >= limit {
                live.truncate(limit);
                return Ok(live);
            }
            cursor = next;
        }
    }

    async fn live_login(&self, node: &NodeId, entry: &str) -> Result<Option<(PlayerKey, Login)>, StoreError> {
        let Some((player, _)) = read::<Option<(PlayerKey, String)>>(Some(entry))? else { return Ok(None) };
        let ask = cmd("HMGET").arg(player_key(&player)).arg("login").arg("listed").take();
        let (login, listed): (Option<String>, Option<String>) = self.0.link.call(&ask).await?;
        let login: Option<Login> = read(login.as_deref().filter(|_| listed.as_deref() == Some(entry)))?;
        Ok(login.filter(|login| login.node == *node).map(|login| (player, login)))
    }
}
