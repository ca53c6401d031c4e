//! The chat history of a channel.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Epoch, Event, EventBody, Position};
use guildhall_actors::ids::ChannelKey;
use guildhall_actors::ports::{ChannelError, History};
use redis::Value;

use super::{Keys, forms};
use crate::adapters::redis::Redis;

/// Entries read at once; those that are no chat are passed over.
const CHUNK: usize = 128;

impl Redis {
    pub(super) async fn read_history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        oldest: Timestamp,
    ) -> Result<History, ChannelError> {
        if !self.knows(key, anchor.map(|anchor| anchor.epoch)).await? {
            return Ok(History { messages: Vec::new(), has_prev: false, has_next: false });
        }
        let from = anchor.map_or_else(|| "+".to_owned(), |anchor| format!("({}-0", anchor.sequence));
        let mut older = self.chats(key, "XREVRANGE", from, prev + 1, oldest).await?;
        let has_prev = older.len() > prev;
        older.truncate(prev);
        older.reverse();
        let Some(anchor) = anchor else { return Ok(History { messages: older, has_prev, has_next: false }) };
        // The anchor itself, when it still exists, is one more than asked for.
        let mut newer = self.chats(key, "XRANGE", format!("{}-0", anchor.sequence), next + 2, oldest).await?;
        let wanted = next + usize::from(newer.first().is_some_and(|event| event.position == anchor));
        let has_next = newer.len() > wanted;
        newer.truncate(wanted);
        older.append(&mut newer);
        Ok(History { messages: older, has_prev, has_next })
    }

    /// Whether the epoch is one of the channel's; with none, whether there is the channel.
    async fn knows(&self, key: &ChannelKey, epoch: Option<Epoch>) -> Result<bool, ChannelError> {
        let mut command = redis::cmd("HMGET");
        command.arg(&Keys::of(key).channel).arg("epoch").arg("prior");
        let (present, prior): (Option<String>, Option<String>) = self.0.link.call(&command).await?;
        let present = present.ok_or(ChannelError::NotFound)?;
        let Some(epoch) = epoch.map(|epoch| epoch.to_string()) else { return Ok(true) };
        let prior = prior.unwrap_or_default();
        Ok(present == epoch || prior.split(',').any(|entry| entry.split(':').next() == Some(&epoch)))
    }

    /// Chat messages in the order of the command, from an id on, none older than `oldest`, at most `limit`.
    async fn chats(
        &self,
        key: &ChannelKey,
        command: &str,
        mut from: String,
        limit: usize,
        oldest: Timestamp,
    ) -> Result<Vec<Event>, ChannelError> {
        let log = Keys::of(key).log;
        let to = if command == "XRANGE" { "+" } else { "-" };
        let mut chats = Vec::new();
        loop {
            let entries: Value =
                self.0.link.call(redis::cmd(command).arg(&log).arg(&from).arg(to).arg("COUNT").arg(CHUNK)).await?;
            let events = forms::events(&entries).ok_or_else(|| forms::malformed(key))?;
            let Some(last) = events.last().map(|event| (event.position.sequence, event.at)) else { return Ok(chats) };
            let is_end = events.len() < CHUNK || (to == "-" && last.1 < oldest);
            let is_wanted = |event: &Event| matches!(event.body, EventBody::Chat { .. }) && event.at >= oldest;
            chats.extend(events.into_iter().filter(is_wanted).take(limit - chats.len()));
            if is_end || chats.len() == limit {
                return Ok(chats);
            }
            from = format!("({}-0", last.0);
        }
    }
}
