//! Which logins may be on a node: a set with the node, named before a login is claimed and struck off after it ended.
//!
//! A crash in between leaves an entry too many, never one too few: what is read is looked up with its player, who has
//! the say. Nothing is struck off by reading, since an entry may be ahead of its claim. The set goes with its node.

use std::collections::HashSet;

use futures_util::future::try_join_all;
use guildhall_actors::ids::{LoginId, NodeId, PlayerKey};
use guildhall_actors::ports::{Login, StoreError};
use redis::cmd;
use tracing::warn;

use super::super::Redis;
use super::super::keys::Tag;
use super::fields::{read, write};
use super::player_key;

/// Entries read at once.
const BATCH: usize = 256;

/// The set of a node.
pub(in super::super) fn logins_key(node: &NodeId) -> String {
    Tag::node(node).key("logins")
}

impl Redis {
    /// Names a login before it is claimed.
    pub(super) async fn list_login(&self, player: &PlayerKey, login: &Login) -> Result<(), StoreError> {
        let entry = write(&(player, &login.id))?;
        self.0.link.call(cmd("SADD").arg(logins_key(&login.node)).arg(entry)).await
    }

    /// Strikes off a login that is no longer live. One that stays is not seen by anybody.
    pub(super) async fn unlist_login(&self, player: &PlayerKey, login: &Login) {
        let struck = async {
            let entry = write(&(player, &login.id))?;
            self.0.link.call::<()>(cmd("SREM").arg(logins_key(&login.node)).arg(entry)).await
        };
        if let Err(error) = struck.await {
            warn!(player.id = %player.player, login.id = %login.id, %error, "ended login stays listed");
        }
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
        let Some((player, id)) = read::<Option<(PlayerKey, LoginId)>>(Some(entry))? else { return Ok(None) };
        let login: Option<String> = self.0.link.call(cmd("HGET").arg(player_key(&player)).arg("login")).await?;
        let login: Option<Login> = read(login.as_deref())?;
        Ok(login.filter(|login| login.id == id && login.node == *node).map(|login| (player, login)))
    }
}
