//! What each step of the `Players` port does to a player, as pure functions: an adapter loads the state, applies one,
//! and stores the result in one atomic step.

use super::{Block, Claimed, Decider, Joined, Login, Play, PlayerError, PlayerState, Resume, Slot, Suspension};
use crate::clock::Timestamp;
use crate::event::Position;
use crate::ids::{ChannelId, LoginId, PlayerId, SessionId};

/// Notes of game sessions kept: a player is on few PCs at once, and most notes are struck off in time.
const MAX_PLAYS: usize = 16;

impl PlayerState {
    /// Makes the player known.
    pub fn register(&mut self, now: Timestamp) {
        self.known_since.get_or_insert(now);
    }

    /// The login that messages go to. There is none while a login begins or ends, which is when the store has both it
    /// and a snapshot for RECONNECT: who has heard a player's exits finds the player offline, although the login is
    /// given up after them.
    pub fn online(&self) -> Option<&Login> {
        self.login.as_ref().filter(|_| self.resume.is_none())
    }

    /// Whether a suspension covers `now`.
    pub fn is_suspended(&self, now: Timestamp) -> bool {
        self.suspension.as_ref().is_some_and(|suspension| suspension.covers(now))
    }

    /// # Errors
    /// `Suspended`.
    pub fn claim(&mut self, login: &Login) -> Result<Claimed, PlayerError> {
        if self.is_suspended(login.at) {
            return Err(PlayerError::Suspended);
        }
        self.register(login.at);
        let previous = self.login.replace(login.clone());
        let Self { joined, blocks, resume, suspension, .. } = self.clone();
        Ok(Claimed { previous, joined, blocks, resume, suspension })
    }

    /// `None` when another login lives.
    ///
    /// # Errors
    /// `Suspended`.
    pub fn reclaim(&mut self, login: &Login) -> Result<Option<Claimed>, PlayerError> {
        if self.login.as_ref().is_some_and(|live| live.id != login.id) {
            return Ok(None);
        }
        self.claim(login).map(Some)
    }

    /// `false` when `login` is not the live one.
    pub fn release(&mut self, login: &LoginId) -> bool {
        let live = self.is_live(login);
        if live {
            self.login = None;
        }
        live
    }

    /// `false` when `login` is not the live one.
    pub fn save_resume(&mut self, login: &LoginId, resume: Option<&Resume>) -> bool {
        let live = self.is_live(login);
        if live {
            self.resume = resume.cloned();
        }
        live
    }

    fn is_live(&self, login: &LoginId) -> bool {
        self.login.as_ref().is_some_and(|live| live.id == *login)
    }

    /// # Errors
    /// `Offline`, `ChannelLimit`.
    pub fn reserve(
        &mut self,
        channel: &ChannelId,
        slot: Slot,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        if slot == Slot::Public && self.login.is_none() {
            return Err(PlayerError::Offline);
        }
        if !self.joined.iter().any(|joined| joined.channel == *channel) {
            if self.joined.iter().filter(|joined| joined.slot.shares_cap_with(slot)).count() >= cap {
                return Err(PlayerError::ChannelLimit);
            }
            self.register(now);
            let channel = channel.clone();
            self.joined.push(Joined { channel, slot, entered: None, password_revision: 0, since: now });
        }
        Ok(self.login.clone())
    }

    /// A later membership of the same channel stays: confirmations may overtake each other.
    pub fn confirm(&mut self, confirmed: &Joined) -> Option<Login> {
        let is_later = |joined: &Joined| match (joined.entered, confirmed.entered) {
            (Some(known), Some(new)) => known.epoch == new.epoch && known.sequence > new.sequence,
            _ => false,
        };
        if !self.joined.iter().any(|joined| joined.channel == confirmed.channel && is_later(joined)) {
            self.joined.retain(|joined| joined.channel != confirmed.channel);
            self.joined.push(confirmed.clone());
        }
        self.login.clone()
    }

    /// Takes away the membership that began at `entered`, or a mere reservation.
    pub fn forget(&mut self, channel: &ChannelId, entered: Option<Position>) {
        let goes =
            |joined: &Joined| joined.channel == *channel && (joined.entered.is_none() || joined.entered == entered);
        self.joined.retain(|joined| !goes(joined));
    }

    /// `false` when the snapshot does not name the channel.
    pub fn forget_lost(&mut self, channel: &ChannelId) -> bool {
        let Some(resume) = &mut self.resume else { return false };
        let before = resume.channels.len();
        resume.channels.retain(|lost| lost.channel != *channel);
        resume.channels.len() < before
    }

    /// # Errors
    /// `AlreadyBlocked`, `BlockLimit`.
    pub fn block(&mut self, target: PlayerId, cap: usize, now: Timestamp) -> Result<Option<Login>, PlayerError> {
        if self.blocks.iter().any(|block| block.player == target) {
            return Err(PlayerError::AlreadyBlocked);
        }
        if self.blocks.len() >= cap {
            return Err(PlayerError::BlockLimit);
        }
        self.register(now);
        self.blocks.push(Block { player: target, at: now });
        Ok(self.login.clone())
    }

    /// # Errors
    /// `NotBlocked`.
    pub fn unblock(&mut self, target: PlayerId) -> Result<Option<Login>, PlayerError> {
        let before = self.blocks.len();
        self.blocks.retain(|block| block.player != target);
        if self.blocks.len() == before { Err(PlayerError::NotBlocked) } else { Ok(self.login.clone()) }
    }

    /// # Errors
    /// `Suspended`.
    pub fn begin_play(&mut self, play: &Play) -> Result<(), PlayerError> {
        if self.is_suspended(play.at) {
            return Err(PlayerError::Suspended);
        }
        self.register(play.at);
        self.end_play(play.session);
        self.plays.push(play.clone());
        self.plays.drain(..self.plays.len().saturating_sub(MAX_PLAYS));
        Ok(())
    }

    pub fn end_play(&mut self, session: SessionId) {
        self.plays.retain(|play| play.session != session);
    }

    /// `None` also when a later decision has overtaken this one.
    pub fn suspend(&mut self, suspension: Option<&Suspension>, by: Decider) -> Option<Login> {
        let now = match by {
            Decider::Operator(at) => {
                self.decided.operator_at = Some(at);
                self.decided.by_webhook = false;
                at
            }
            Decider::Webhook { cursor, at } => {
                if cursor < self.decided.cursor || self.decided.operator_at.is_some_and(|operator_at| at < operator_at)
                {
                    return None;
                }
                self.decided.cursor = cursor;
                self.decided.by_webhook = true;
                at
            }
        };
        self.register(now);
        self.suspension = suspension.cloned();
        self.login.clone()
    }
}

#[cfg(test)]
mod tests;
