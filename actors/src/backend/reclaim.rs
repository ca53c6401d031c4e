//! A live connection claims its login anew, after its node had lost its lease.
//!
//! Whoever took the node for dead has ended the login: kept the snapshot for RECONNECT, left the channels, given up the
//! claim. That is undone in place, as RECONNECT would, without the client's help; unless the player has logged in
//! elsewhere meanwhile. Everything may be repeated: the snapshot is cleared last.

use std::time::Duration;

use tracing::warn;

use super::Backend;
use super::connections::Seat;
use crate::event::Position;
use crate::ids::{ChannelId, LoginId, PlayerId, PlayerKey};
use crate::ports::{Claimed, Login, PlayerError, StoreError, Suspension};

/// Pauses before a claim that failed is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What became of a login that was claimed anew.
#[derive(Debug)]
pub enum Reclaimed {
    /// It lives.
    Here { blocks: Vec<PlayerId>, suspension: Option<Suspension>, memberships: Vec<Membership> },
    /// Another login of the player lives: this one's socket must go.
    Elsewhere,
    /// The player was suspended meanwhile.
    Suspended,
}

/// A channel that a connection is to go on hearing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub channel: ChannelId,
    /// Place of its ENTER event.
    pub entered: Position,
    /// Set when it stands for an earlier one that was taken away: what came after this place may have been missed.
    pub restored: Option<Position>,
}

impl Backend {
    /// Claims a login of this node anew, until the store answers or the socket is gone. A login whose connection has
    /// gone meanwhile is ended again: its own logout may have come too early.
    pub(crate) async fn reclaim(&self, player: &PlayerKey, login: &LoginId) -> Reclaimed {
        let mut pause = FIRST_RETRY;
        let reclaimed = loop {
            match self.try_reclaim(player, login).await {
                Ok(reclaimed) => break reclaimed,
                Err(error) if self.is_live_here(login) && !self.is_ending() => {
                    warn!(player.id = %player.player, %error, "login not claimed anew, trying again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_RETRY);
                }
                Err(_) => break Reclaimed::Elsewhere,
            }
        };
        match self.seat(login) {
            Some(Seat::Live(_)) => {}
            Some(Seat::Leaving(seen)) => self.log_out(player, login, &seen).await,
            None => self.log_out(player, login, &[]).await,
        }
        reclaimed
    }

    fn is_live_here(&self, login: &LoginId) -> bool {
        matches!(self.seat(login), Some(Seat::Live(_)))
    }

    async fn try_reclaim(&self, player: &PlayerKey, login: &LoginId) -> Result<Reclaimed, StoreError> {
        let anew = Login { id: login.clone(), node: self.0.node.clone(), at: self.now() };
        let claimed = match self.0.ports.players.reclaim(player, &anew).await {
            Ok(Some(claimed)) => claimed,
            Ok(None) => return Ok(Reclaimed::Elsewhere),
            Err(PlayerError::Suspended) => return Ok(Reclaimed::Suspended),
            Err(PlayerError::Store(error)) => return Err(error),
            Err(other) => return Err(StoreError(other.to_string())),
        };
        let blocks = claimed.blocks.iter().map(|block| block.player).collect();
        let suspension = claimed.suspension.clone();
        let memberships = self.enter_lost(player, &anew, claimed).await?;
        if self.0.ports.players.save_resume(player, login, None).await? {
            Ok(Reclaimed::Here { blocks, suspension, memberships })
        } else {
            Err(StoreError("the login was ended again meanwhile".into()))
        }
    }

    /// Enters again what was taken away; answers everything the player is in now.
    async fn enter_lost(
        &self,
        player: &PlayerKey,
        login: &Login,
        claimed: Claimed,
    ) -> Result<Vec<Membership>, StoreError> {
        let lost = self.still_lost(claimed.resume, login.at);
        let mut memberships = Vec::new();
        for joined in claimed.joined {
            if let Some(entered) = joined.entered {
                // By an earlier try of ours, when the snapshot names an earlier membership.
                let taken = lost.iter().find(|lost| lost.channel == joined.channel && lost.entered != entered);
                let restored = taken.map(|lost| lost.seen);
                memberships.push(Membership { channel: joined.channel, entered, restored });
            }
        }
        for lost in lost {
            let is_entered = memberships.iter().any(|membership| membership.channel == lost.channel);
            if !is_entered && let Some(entered) = self.enter_again(player, &login.id, &lost).await? {
                memberships.push(Membership { channel: lost.channel, entered, restored: Some(lost.seen) });
            }
        }
        Ok(memberships)
    }
}
