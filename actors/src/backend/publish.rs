//! Messages to channels and to players.

use std::sync::Arc;

use tokio::time::Instant;

use super::Backend;
use crate::connection::Note;
use crate::event::{EventBody, Position};
use crate::ids::{ChannelKey, GameId, PlayerId, PlayerKey};
use crate::metrics::{EventKind, meters};
use crate::ports::{ChannelError, Login, NewEvent, PlayerError, StoreError};

/// Channels noticed in one round when a notice goes to every channel.
const NOTICE_PAGE: u64 = 100;

impl Backend {
    /// Appends to a channel's log; it is durable, and on its way to the members, once this returns. Straight to the
    /// store from whatever thread: the channel's actor has no say in it, and hears of it as on any other node.
    ///
    /// # Errors
    /// The channel's, or the store's.
    pub async fn append(&self, key: ChannelKey, event: NewEvent) -> Result<Position, ChannelError> {
        let (kind, started) = (EventKind::from(&event.body), Instant::now());
        let appended = self.0.ports.channels.append(&key, event, self.now()).await;
        meters().publish.record(started.elapsed());
        if appended.is_ok() {
            meters().events_appended.of((kind,)).increment(1);
        }
        appended
    }

    /// Hands a direct message to a player; `false` when the player is offline or blocks the sender.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn send_direct(&self, to: &PlayerKey, from: PlayerId, note: Note) -> Result<bool, StoreError> {
        let state = self.0.ports.players.look_up(to).await?;
        match state.online() {
            Some(login) if !state.blocks.iter().any(|block| block.player == from) => self.tell(login, note).await,
            _ => Ok(false),
        }
    }

    /// Says something to a player who is online; the player's connection has taken it once this returns.
    ///
    /// # Errors
    /// `Offline`, or the store's.
    pub async fn send_note(&self, to: &PlayerKey, note: Note) -> Result<(), PlayerError> {
        let state = self.0.ports.players.look_up(to).await?;
        self.hand_over_if_live(state.online(), note).await
    }

    /// An operator ends the player's connection, also one that is only just logging in.
    ///
    /// # Errors
    /// `Offline`, or the store's.
    pub async fn disconnect(&self, player: &PlayerKey) -> Result<(), PlayerError> {
        let state = self.0.ports.players.look_up(player).await?;
        self.hand_over_if_live(state.login.as_ref(), Note::Disconnected).await
    }

    async fn hand_over_if_live(&self, login: Option<&Login>, note: Note) -> Result<(), PlayerError> {
        let taken = self.hand_over(login.ok_or(PlayerError::Offline)?, note).await?;
        if taken { Ok(()) } else { Err(PlayerError::Offline) }
    }

    /// Appends a notice to every channel of a game. With an idempotency key it may be repeated after a failure:
    /// channels that have it are passed over.
    ///
    /// # Errors
    /// The store's.
    pub async fn notice_everywhere(
        &self,
        game: &GameId,
        message: &Arc<str>,
        lang: Option<&Arc<str>>,
        idempotency_key: Option<&str>,
    ) -> Result<(), StoreError> {
        for page in 1.. {
            let channels = self.0.ports.channels.list(game, None, page, NOTICE_PAGE).await?.channels;
            if channels.is_empty() {
                break;
            }
            for channel in channels {
                let body = EventBody::Notice { message: message.clone(), lang: lang.cloned() };
                let event = NewEvent { body, idempotency_key: idempotency_key.map(str::to_owned) };
                // A channel deleted meanwhile needs no notice.
                if let Err(error) = self.append(game.channel(channel.id), event).await {
                    error.refusal()?;
                }
            }
        }
        Ok(())
    }

    /// Blocks or unblocks a player. The live login has heard of it once this returns.
    ///
    /// # Errors
    /// The player's, or the store's.
    pub async fn set_blocked(&self, player: &PlayerKey, target: PlayerId, blocked: bool) -> Result<(), PlayerError> {
        let players = &self.0.ports.players;
        let login = if blocked {
            players.block(player, target, self.settings().chat.blocks_per_player, self.now()).await?
        } else {
            players.unblock(player, target).await?
        };
        if let Some(login) = login {
            self.hand_over(&login, Note::Blocked { player: target, blocked }).await?;
        }
        Ok(())
    }

    pub(super) async fn tell_if_live(&self, login: Option<Login>, note: Note) -> Result<(), StoreError> {
        if let Some(login) = login {
            self.tell(&login, note).await?;
        }
        Ok(())
    }
}
