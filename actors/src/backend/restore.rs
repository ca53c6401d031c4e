//! RECONNECT: a login enters the channels again that an earlier one has lost, and hears what it missed.

use std::collections::HashMap;

use futures_util::future::try_join_all;

use super::login::LoggedIn;
use super::{Backend, EnterError};
use crate::channel::Hearing;
use crate::event::Position;
use crate::fanout::Start;
use crate::ids::{ChannelId, LoginId, PlayerKey};
use crate::ports::{Admission, Joined, ResumeChannel, StoreError};

/// Events replayed per channel: as many as a channel without history keeps by default.
const REPLAY_EVENTS: u64 = 1000;

impl Backend {
    /// Enters the lost channels again; the kept ones are simply heard again.
    pub(super) async fn restore(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        lost: Vec<ResumeChannel>,
        kept: Vec<Joined>,
        client_saw: &HashMap<ChannelId, Position>,
        logged_in: &mut LoggedIn,
    ) -> Result<(), StoreError> {
        let entered = kept.into_iter().filter(|joined| joined.entered.is_some());
        let mut kept: HashMap<_, _> = entered.map(|joined| (joined.channel.clone(), joined)).collect();
        for channel in lost {
            let id = channel.channel.clone();
            let restored = match kept.remove(&id) {
                Some(joined) => joined.entered,
                None => self.enter_again(player, login, &channel).await?,
            };
            let Some(entered) = restored else {
                logged_in.fail_channel_ids.push(id);
                continue;
            };
            let (after, complete) = if self.settings().replay_on_reconnect {
                self.replay_from(player, &channel, client_saw.get(&id)).await?
            } else {
                (entered.before(), false)
            };
            logged_in.recovered.insert(id.clone(), complete);
            logged_in.attach.push((id.clone(), Hearing { entered, start: Start::After(after) }));
            logged_in.channel_ids.push(id);
        }
        // Never lost, so not in the answer's lists.
        logged_in.attach.extend(self.hear_from_now_on(player, kept.into_values()).await?);
        Ok(())
    }

    /// By place: what is said once the login is answered may come before this node follows the channel.
    pub(super) async fn hear_from_now_on(
        &self,
        player: &PlayerKey,
        kept: impl IntoIterator<Item = Joined>,
    ) -> Result<Vec<(ChannelId, Hearing)>, StoreError> {
        let kept = kept.into_iter().filter_map(|joined| Some((joined.channel, joined.entered?)));
        let hearings = kept.map(|(channel, entered)| async move {
            let start = match self.0.ports.channels.get(&player.game.channel(channel.clone())).await {
                Ok(found) => Start::After(found.head),
                Err(error) => {
                    error.refusal()?;
                    Start::Now
                }
            };
            Ok((channel, Hearing { entered, start }))
        });
        try_join_all(hearings).await
    }

    /// `None` when the channel cannot be entered: deleted, full, another password, too many channels meanwhile, or
    /// an even newer login has taken over.
    pub(super) async fn enter_again(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        lost: &ResumeChannel,
    ) -> Result<Option<Position>, StoreError> {
        let admission = Admission::Restore { epoch: lost.seen.epoch, password_revision: lost.password_revision };
        match self.enter_slot(player, &lost.channel, lost.slot, admission).await {
            Ok((entered, Some(live))) if live.id == *login => Ok(Some(entered)),
            Ok((entered, _)) => {
                self.leave(player, &lost.channel, entered).await?;
                Ok(None)
            }
            Err(EnterError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Where a replay begins, and whether it holds everything missed. The client's word counts within its membership:
    /// it may have seen less than was sent, but nothing before it entered.
    async fn replay_from(
        &self,
        player: &PlayerKey,
        channel: &ResumeChannel,
        client_saw: Option<&Position>,
    ) -> Result<(Position, bool), StoreError> {
        let member_since = channel.entered.before();
        // A log that went on in a new epoch during the membership keeps counting.
        let is_known = |epoch| epoch == member_since.epoch || epoch == channel.seen.epoch;
        let is_credible = |saw: &&Position| is_known(saw.epoch) && saw.sequence >= member_since.sequence;
        let credible = client_saw.filter(is_credible);
        let seen = *credible.unwrap_or(&channel.seen);
        let key = player.game.channel(channel.channel.clone());
        let slice = match self.0.ports.channels.read(&key, seen, 1).await {
            Ok(slice) => slice,
            Err(error) => {
                error.refusal()?;
                return Ok((seen, false));
            }
        };
        let oldest = slice.head.sequence.saturating_sub(REPLAY_EVENTS);
        if seen.sequence < oldest {
            return Ok((Position { sequence: oldest, ..seen }, false));
        }
        // A client that saw another log has missed what this one held before.
        Ok((seen, slice.complete && credible.is_some() == client_saw.is_some()))
    }
}
