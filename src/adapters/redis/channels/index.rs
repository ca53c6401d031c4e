//! The index of a game's channels: which there are, in the order of their ids, and which of them a player owns.
//!
//! It has a slot of its own, so it follows the channels in steps: an entry is made before its channel, and taken out
//! after it. What a crash leaves in between is an entry without a channel: it is passed over, and taken out when it is
//! met again later.

use futures_util::future::{join_all, try_join_all};
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::Epoch;
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId};
use guildhall_actors::ports::{Channel, ChannelError, ChannelKind, ChannelPage, Channels, Owner, StoreError};

use super::Keys;
use crate::adapters::redis::Redis;
use crate::adapters::redis::keys::Tag;
use crate::adapters::redis::script::Script;

static ENLIST: Script = Script::new(include_str!("../scripts/index/enlist.lua"));
static STRIKE_OFF: Script = Script::new(include_str!("../scripts/index/strike_off.lua"));

/// Entries looked at together.
const CHUNK: usize = 256;
const KINDS: [ChannelKind; 4] = [ChannelKind::Public, ChannelKind::Private, ChannelKind::Group, ChannelKind::OneOnOne];

/// The keys of a game's index: entries, all ids, ids of channels that a player owns, ids by kind.
fn keys(game: &GameId) -> Vec<String> {
    let tag = Tag::index(game);
    let kinds = KINDS.map(|kind| tag.key(kind.as_str()));
    ["entries", "channels", "owned"].map(|name| tag.key(name)).into_iter().chain(kinds).collect()
}

fn ids_of(game: &GameId, kind: Option<ChannelKind>) -> String {
    Tag::index(game).key(kind.map_or("channels", ChannelKind::as_str))
}

impl Redis {
    /// Enters a channel that is about to be made.
    pub(super) async fn enlist(
        &self,
        key: &ChannelKey,
        kind: ChannelKind,
        owner: &Owner,
        epoch: Epoch,
    ) -> Result<(), ChannelError> {
        let exists: bool = self.0.link.call(redis::cmd("EXISTS").arg(Keys::of(key).channel)).await?;
        if exists {
            // The entry is that channel's.
            return Err(ChannelError::Duplicate);
        }
        self.know_game(&key.game).await?;
        let keys = keys(&key.game);
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let call = ENLIST.on(&keys).arg(key.channel.as_str()).arg(epoch.to_string());
        let call = call.arg(ids_of(&key.game, Some(kind))).arg(u8::from(*owner != Owner::System));
        Ok(self.0.link.run::<()>(call).await?)
    }

    /// Takes out the entry of the channel that was made in this epoch; of an empty one, an entry that was made long ago.
    pub(super) async fn strike_off(&self, key: &ChannelKey, born: &str) -> Result<(), StoreError> {
        let keys = keys(&key.game);
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        self.0.link.run(STRIKE_OFF.on(&keys).arg(key.channel.as_str()).arg(born)).await
    }

    pub(super) async fn list_index(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError> {
        let ids = ids_of(game, kind);
        let total = self.0.link.call(redis::cmd("ZCARD").arg(&ids)).await?;
        let first = page.saturating_sub(1).saturating_mul(size);
        if size == 0 || first >= total {
            return Ok(ChannelPage { channels: Vec::new(), total });
        }
        let listed = self.listed(game, &ids, first, size).await?;
        let found = listed.iter().map(|key| self.listed_channel(key));
        let channels = try_join_all(found).await?.into_iter().flatten().collect();
        Ok(ChannelPage { channels, total })
    }

    async fn listed(&self, game: &GameId, ids: &str, first: u64, count: u64) -> Result<Vec<ChannelKey>, StoreError> {
        let last = first.saturating_add(count - 1).min(i64::MAX.cast_unsigned());
        let listed: Vec<String> = self.0.link.call(redis::cmd("ZRANGE").arg(ids).arg(first).arg(last)).await?;
        Ok(listed.iter().filter_map(|id| ChannelId::parse(id)).map(|id| game.channel(id)).collect())
    }

    /// `None` when the entry has no channel, yet or any more.
    async fn listed_channel(&self, key: &ChannelKey) -> Result<Option<Channel>, StoreError> {
        match self.get(key).await {
            Ok(channel) => Ok(Some(channel)),
            Err(error) => {
                error.refusal()?;
                self.strike_off(key, "").await?;
                Ok(None)
            }
        }
    }

    /// Looks at every channel that a player owns, until there are enough.
    pub(super) async fn find_vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError> {
        let mut vacant = Vec::new();
        for game in self.games().await? {
            let owned = Tag::index(&game).key("owned");
            for first in (0..).step_by(CHUNK) {
                let keys = self.listed(&game, &owned, first, CHUNK as u64).await?;
                if keys.is_empty() || vacant.len() >= limit {
                    break;
                }
                let looked = join_all(keys.iter().map(|key| self.is_vacant(key, before))).await;
                for (key, is_vacant) in keys.into_iter().zip(looked) {
                    if is_vacant? {
                        vacant.push(key);
                    }
                }
            }
        }
        vacant.truncate(limit);
        Ok(vacant)
    }

    async fn is_vacant(&self, key: &ChannelKey, before: Timestamp) -> Result<bool, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(Keys::of(key).channel).arg("born").arg("vacant");
        let (born, since): (Option<String>, Option<i64>) = self.0.link.call(&command).await?;
        if born.is_none() {
            self.strike_off(key, "").await?;
        }
        Ok(since.is_some_and(|since| since < before.0))
    }
}
