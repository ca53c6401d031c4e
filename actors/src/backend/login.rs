//! A player logs in and out.
//!
//! Login: claim; send the older login away; keep what it was in for a RECONNECT; leave that; RECONNECT: enter it again.
//! The live login owns the player's memberships: whatever crashes in between, the end of that login (or the recovery of
//! its node) leaves what is left. Every step is fenced by the login's id or by the place where a membership began, so
//! that a late step of an older login changes nothing. A login that finds itself replaced stops where it is.

use std::collections::HashMap;
use std::time::Duration;

use tracing::{error, warn};

use super::kick::Seen as Known;
use super::{Backend, LeaveOnDisconnect};
use crate::channel::Hearing;
use crate::clock::Timestamp;
use crate::event::Position;
use crate::ids::{ChannelId, ChannelKey, LoginId, PlayerId, PlayerKey};
use crate::metrics::{EventKind, meters};
use crate::ports::{Joined, Login, PlayerError, Resume, ResumeChannel, Slot, StoreError, Suspension};

/// Pauses before a failed logout is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// A login to be made.
#[derive(Clone, Debug)]
pub struct LogIn {
    pub player: PlayerKey,
    pub login: Login,
    pub mode: Mode,
}

/// CONNECT begins afresh; RECONNECT takes up what a lost socket left.
#[derive(Clone, Debug)]
pub enum Mode {
    Connect,
    Reconnect {
        /// Places the client says it saw (extension `sequence`); the node's own memory serves for the others.
        seen: HashMap<ChannelId, Position>,
    },
}

/// What the connection needs to begin.
#[derive(Debug, Default)]
pub struct LoggedIn {
    pub blocks: Vec<PlayerId>,
    /// One that does not stand against the login now.
    pub suspension: Option<Suspension>,
    /// Channels to hear.
    pub attach: Vec<(ChannelId, Hearing)>,
    pub channel_ids: Vec<ChannelId>,
    pub fail_channel_ids: Vec<ChannelId>,
    /// Per restored channel: whether everything missed can be replayed.
    pub recovered: HashMap<ChannelId, bool>,
}

/// Why a login did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    #[error("player is suspended")]
    Suspended,
    /// With what it was told of its predecessors' sockets, which is for the newer login to know.
    #[error("a newer login has taken over")]
    Replaced(Known),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PlayerError> for LogInError {
    fn from(error: PlayerError) -> Self {
        match error {
            PlayerError::Suspended => Self::Suspended,
            PlayerError::Store(error) => Self::Store(error),
            other => Self::Store(StoreError(other.to_string())),
        }
    }
}

type Seen<'a> = &'a [(ChannelKey, Position)];

impl Backend {
    async fn log_in(&self, request: LogIn) -> Result<LoggedIn, LogInError> {
        if self.has_lost_lease() {
            // Another node may be ending this one's logins: a new one would be among them.
            return Err(StoreError("the lease of this node is lost".into()).into());
        }
        let LogIn { player, login, mode } = request;
        let players = &self.0.ports.players;
        let claimed = self.0.login_gate.pass(players.claim(&player, &login)).await?;
        let blocks = claimed.blocks.iter().map(|block| block.player).collect();
        let mut logged_in = LoggedIn { blocks, suspension: claimed.suspension, ..LoggedIn::default() };
        // Taking over saves one, too.
        let has_snapshot = claimed.previous.is_some() || claimed.resume.is_some();
        let (lost, kept) = match &claimed.previous {
            None => (self.still_lost(claimed.resume, login.at), claimed.joined),
            Some(previous) => {
                meters().second_logins.increment(1);
                self.take_over(&player, &login, previous).await?
            }
        };
        match mode {
            Mode::Connect => logged_in.attach = self.hear_from_now_on(&player, kept).await?,
            Mode::Reconnect { seen } => {
                self.restore(&player, &login.id, lost, kept, &seen, &mut logged_in).await?;
            }
        }
        // Without a snapshot to clear, the claim was the whole login: who replaces it finds its connection.
        if !has_snapshot || players.save_resume(&player, &login.id, None).await? {
            Ok(logged_in)
        } else {
            // What a newer login needs to know was saved before anything was left.
            Err(self.not_live(&player, Known::new()).await?)
        }
    }

    /// Ends what an older login was in. Answers what is lost by that, and what is kept.
    async fn take_over(
        &self,
        player: &PlayerKey,
        login: &Login,
        previous: &Login,
    ) -> Result<(Vec<ResumeChannel>, Vec<Joined>), LogInError> {
        let seen = self.kick(previous).await;
        // It may have been half way through its own login or logout; look again.
        let state = self.0.ports.players.look_up(player).await?;
        let left = self.remember_all(player, &state.joined, &seen).await?;
        let lost = merge(self.still_lost(state.resume, login.at), left);
        // Before anything is left: if this login ends here, the next one finds it.
        let resume = Resume { lost_at: login.at, channels: lost };
        if !self.0.ports.players.save_resume(player, &login.id, Some(&resume)).await? {
            return Err(self.not_live(player, seen).await?);
        }
        Ok((resume.channels, self.leave_channels(player, state.joined).await?))
    }

    /// Why a login of this node is not the live one any more.
    async fn not_live(&self, player: &PlayerKey, seen: Known) -> Result<LogInError, StoreError> {
        let live = self.0.ports.players.look_up(player).await?.login;
        Ok(match live {
            Some(_) => LogInError::Replaced(seen),
            None => LogInError::Store(StoreError("login ended with the lease of its node".into())),
        })
    }

    /// The channels of a snapshot that RECONNECT may still restore.
    pub(super) fn still_lost(&self, resume: Option<Resume>, now: Timestamp) -> Vec<ResumeChannel> {
        let is_fresh = |resume: &Resume| now.since(resume.lost_at) < self.settings().chat.resume;
        resume.filter(is_fresh).map(|resume| resume.channels).unwrap_or_default()
    }

    /// As [`Self::log_in`]; a login whose connection has crashed meanwhile is ended again.
    pub(crate) async fn log_in_for_socket(&self, request: LogIn) -> Result<LoggedIn, LogInError> {
        let (player, login) = (request.player.clone(), request.login.id.clone());
        let logged_in = self.log_in(request).await;
        if self.seat(&login).is_none() {
            self.log_out(&player, &login, &[]).await;
        }
        logged_in
    }

    /// Ends a login: keeps what RECONNECT needs, leaves the channels, gives up the claim. Nothing happens when
    /// another login has taken its place. `seen` tells what the socket was given of each channel. While the store
    /// fails it tries again: a login left behind would be a ghost in its channels.
    pub(crate) async fn log_out(&self, player: &PlayerKey, login: &LoginId, seen: Seen<'_>) {
        self.begin_leaving(login, seen);
        let mut pause = FIRST_RETRY;
        while let Err(error) = self.try_log_out(player, login, seen).await {
            if self.is_ending() {
                error!(player.id = %player.player, %error, "logout left to the recovery of this node");
                break;
            }
            warn!(player.id = %player.player, %error, "logout failed, trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_RETRY);
        }
        self.strike_off(login);
    }

    /// As [`Self::log_out`], once.
    pub(super) async fn try_log_out(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        seen: Seen<'_>,
    ) -> Result<(), StoreError> {
        let players = &self.0.ports.players;
        let state = players.look_up(player).await?;
        if state.login.as_ref().is_none_or(|live| live.id != *login) {
            return Ok(());
        }
        let channels = self.remember_all(player, &state.joined, seen).await?;
        // A login that succeeds clears the snapshot: one that is there was never used up, or is of a first try of ours.
        let lost_at = self.now();
        let resume = Resume { lost_at, channels: merge(self.still_lost(state.resume, lost_at), channels) };
        if players.save_resume(player, login, Some(&resume)).await? {
            self.leave_channels(player, state.joined).await?;
            if players.release(player, login).await? {
                meters().logouts.increment(1);
                // What was entered between the look and the release, unless it is the next login's by now.
                let state = players.look_up(player).await?;
                if state.login.is_none() {
                    self.leave_channels(player, state.joined).await?;
                }
            }
        }
        Ok(())
    }

    /// Leaves what the end of a login leaves; answers what is kept.
    async fn leave_channels(&self, player: &PlayerKey, joined: Vec<Joined>) -> Result<Vec<Joined>, StoreError> {
        let mut kept = Vec::new();
        for joined in joined {
            match joined.entered {
                Some(entered) if self.is_left_at_loss(joined.slot) => {
                    self.leave(player, &joined.channel, entered).await?;
                }
                Some(_) => kept.push(joined),
                None => {}
            }
        }
        Ok(kept)
    }

    /// What RECONNECT needs of every membership, as of now.
    async fn remember_all(
        &self,
        player: &PlayerKey,
        joined: &[Joined],
        seen: Seen<'_>,
    ) -> Result<Vec<ResumeChannel>, StoreError> {
        let mut channels = Vec::new();
        for joined in joined {
            if let Some(entered) = joined.entered {
                channels.push(self.remember(player, joined, entered, seen).await?);
            }
        }
        Ok(channels)
    }

    fn is_left_at_loss(&self, slot: Slot) -> bool {
        match (self.settings().leave_on_disconnect, slot) {
            (_, Slot::OneOnOne) | (LeaveOnDisconnect::Public, Slot::Closed) => false,
            (LeaveOnDisconnect::All, _) | (LeaveOnDisconnect::Public, Slot::Public) => true,
        }
    }

    /// What RECONNECT needs of a membership. Without the socket's word, everything up to now counts as seen.
    async fn remember(
        &self,
        player: &PlayerKey,
        joined: &Joined,
        entered: Position,
        seen: Seen<'_>,
    ) -> Result<ResumeChannel, StoreError> {
        let key = player.game.channel(joined.channel.clone());
        let told = seen.iter().find(|(channel, _)| *channel == key).map(|(_, position)| *position);
        let seen = match told {
            Some(seen) => seen,
            None => match self.0.ports.channels.get(&key).await {
                Ok(channel) => channel.head,
                Err(error) => {
                    error.refusal()?;
                    entered
                }
            },
        };
        let Joined { channel, slot, password_revision, .. } = joined.clone();
        Ok(ResumeChannel { channel, slot, entered, seen, password_revision })
    }

    /// Ends one membership; nothing happens when it has ended already.
    pub(super) async fn leave(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        entered: Position,
    ) -> Result<(), StoreError> {
        let key = player.game.channel(channel.clone());
        let exited = self.0.ports.channels.exit(&key, player.player, Some(entered), self.now()).await;
        match exited {
            Ok(_) => meters().events_appended.of((EventKind::Exited,)).increment(1),
            Err(error) => drop(error.refusal()?),
        }
        self.0.ports.players.forget(player, channel, Some(entered)).await
    }
}

/// The saved snapshot, and what was left since that it does not name: a logout that was under way had saved it first.
fn merge(mut saved: Vec<ResumeChannel>, left: Vec<ResumeChannel>) -> Vec<ResumeChannel> {
    for channel in left {
        if !saved.iter().any(|known| known.channel == channel.channel) {
            saved.push(channel);
        }
    }
    saved
}
