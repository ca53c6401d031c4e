//! A player enters, leaves; a channel is made, deleted, swept.
//!
//! Entering: reserve a place in the player's list; become a member of the channel; confirm the place; tell the live
//! login. When the process ends after the second step, the reservation is what repairs it: whoever looks at the
//! player's list next asks the channel ([`Backend::settle_joined`]).

use std::time::Duration;

use super::Backend;
use crate::connection::Note;
use crate::event::Position;
use crate::ids::{ChannelId, ChannelKey, PlayerId, PlayerKey};
use crate::metrics::{EventKind, meters};
use crate::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelSpec, Joined, Login, Owner, Password, PlayerError, Slot,
    StoreError,
};

/// After this long, a reservation belongs to a step that was cut off.
const RESERVATION_AGE: Duration = Duration::from_secs(10);
/// Channels looked up at once for a sweep.
const SWEEP_BATCH: usize = 256;

/// Why a player did not enter.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    #[error(transparent)]
    Channel(ChannelError),
    #[error(transparent)]
    Player(PlayerError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ChannelError> for EnterError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Store(error) => Self::Store(error),
            error => Self::Channel(error),
        }
    }
}

impl From<PlayerError> for EnterError {
    fn from(error: PlayerError) -> Self {
        match error {
            PlayerError::Store(error) => Self::Store(error),
            error => Self::Player(error),
        }
    }
}

impl Slot {
    pub fn of(kind: ChannelKind) -> Self {
        match kind {
            ChannelKind::Public => Self::Public,
            ChannelKind::Private | ChannelKind::Group => Self::Closed,
            ChannelKind::OneOnOne => Self::OneOnOne,
        }
    }
}

impl Backend {
    /// Makes a channel; `members` are in it from the start, first the owner.
    ///
    /// # Errors
    /// `Duplicate`, `ChannelLimit`, `Offline` (PUBLIC, and a member has no live login), or the store's.
    pub async fn create_channel(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
    ) -> Result<Channel, EnterError> {
        let slot = Slot::of(spec.kind);
        for player in members {
            let player = key.game.player(*player);
            if let Err(error) = self.reserve(&player, &key.channel, slot).await {
                self.forget_reservations(key, members).await?;
                return Err(error);
            }
        }
        let channel = match self.0.ports.channels.create(key, spec, members, self.now()).await {
            Ok(channel) => channel,
            Err(error) => {
                self.forget_reservations(key, members).await?;
                return Err(error.into());
            }
        };
        meters().events_appended.of((EventKind::Entered,)).increment(members.len() as u64);
        for (index, player) in (1..).zip(members) {
            let (player, entered) = (key.game.player(*player), Position { epoch: channel.head.epoch, sequence: index });
            let login = self.confirm(&player, &key.channel, slot, entered, 0).await?;
            self.welcome(&player, &key.channel, slot, entered, login).await?;
        }
        Ok(channel)
    }

    async fn forget_reservations(&self, key: &ChannelKey, members: &[PlayerId]) -> Result<(), StoreError> {
        for player in members {
            self.0.ports.players.forget(&key.game.player(*player), &key.channel, None).await?;
        }
        Ok(())
    }

    /// Makes a player a member, by the game server's word.
    ///
    /// # Errors
    /// The channel's, the player's, or the store's.
    pub async fn enter(
        &self,
        player: &PlayerKey,
        id: &ChannelId,
        password: Option<Password>,
    ) -> Result<(), EnterError> {
        let channel = self.0.ports.channels.get(&player.game.channel(id.clone())).await?;
        let slot = Slot::of(channel.spec.kind);
        if slot == Slot::OneOnOne && !id.is_one_on_one_of(player.player) {
            // Both places are taken, by players who may be away.
            return Err(EnterError::Channel(ChannelError::Full));
        }
        let (entered, login) = self.enter_slot(player, id, slot, Admission::Password(password)).await?;
        self.welcome(player, id, slot, entered, login).await
    }

    /// Has a new member's live login hear the channel.
    async fn welcome(
        &self,
        player: &PlayerKey,
        id: &ChannelId,
        slot: Slot,
        entered: Position,
        login: Option<Login>,
    ) -> Result<(), EnterError> {
        match login {
            Some(login) => {
                let note = Note::Joined { channel: id.clone(), entered };
                // A login that has just ended leaves this channel like its others.
                self.tell(&login, note).await?;
                Ok(())
            }
            // The socket was lost meanwhile, and a PUBLIC channel is for players with one.
            None if slot == Slot::Public => {
                self.leave(player, id, entered).await?;
                Err(EnterError::Player(PlayerError::Offline))
            }
            None => Ok(()),
        }
    }

    /// Reserve, enter, confirm. Answers the place of the ENTER event and the login that is live now.
    pub(super) async fn enter_slot(
        &self,
        player: &PlayerKey,
        id: &ChannelId,
        slot: Slot,
        admission: Admission,
    ) -> Result<(Position, Option<Login>), EnterError> {
        self.reserve(player, id, slot).await?;
        let key = player.game.channel(id.clone());
        match self.0.ports.channels.enter(&key, player.player, admission, self.now()).await {
            Ok(entered) => {
                meters().events_appended.of((EventKind::Entered,)).increment(1);
                let login = self.confirm(player, id, slot, entered.position, entered.password_revision).await?;
                Ok((entered.position, login))
            }
            // Perhaps by a step that was cut off before it confirmed.
            Err(ChannelError::AlreadyMember) => {
                self.settle_list(player, |joined| joined.channel == *id).await?;
                Err(ChannelError::AlreadyMember.into())
            }
            Err(error) => {
                self.0.ports.players.forget(player, id, None).await?;
                Err(error.into())
            }
        }
    }

    async fn reserve(&self, player: &PlayerKey, id: &ChannelId, slot: Slot) -> Result<(), EnterError> {
        let limits = &self.settings().chat;
        let cap = if slot == Slot::OneOnOne { limits.one_on_one_per_player } else { limits.channels_per_player };
        let players = &self.0.ports.players;
        match players.reserve(player, id, slot, cap, self.now()).await {
            Err(PlayerError::ChannelLimit) => {
                // Perhaps some places belong to channels that are gone.
                self.settle_joined(player).await?;
                players.reserve(player, id, slot, cap, self.now()).await?;
            }
            result => {
                result?;
            }
        }
        Ok(())
    }

    async fn confirm(
        &self,
        player: &PlayerKey,
        id: &ChannelId,
        slot: Slot,
        entered: Position,
        password_revision: u32,
    ) -> Result<Option<Login>, StoreError> {
        let (channel, since) = (id.clone(), self.now());
        let joined = Joined { channel, slot, entered: Some(entered), password_revision, since };
        self.0.ports.players.confirm(player, &joined).await
    }

    /// Brings the player's list in line with the channels: what was cut off half way is finished or dropped.
    pub async fn settle_joined(&self, player: &PlayerKey) -> Result<Vec<Joined>, StoreError> {
        let now = self.now();
        self.settle_list(player, |joined| joined.entered.is_some() || now.since(joined.since) >= RESERVATION_AGE).await
    }

    /// Settles the entries that `which` picks, and answers those that stand.
    async fn settle_list(
        &self,
        player: &PlayerKey,
        which: impl Fn(&Joined) -> bool,
    ) -> Result<Vec<Joined>, StoreError> {
        let mut settled = Vec::new();
        for joined in self.0.ports.players.look_up(player).await?.joined {
            if which(&joined)
                && let Some(joined) = self.settle(player, joined).await?
            {
                settled.push(joined);
            }
        }
        Ok(settled)
    }

    async fn settle(&self, player: &PlayerKey, joined: Joined) -> Result<Option<Joined>, StoreError> {
        let key = player.game.channel(joined.channel.clone());
        let member = match self.0.ports.channels.member(&key, player.player).await {
            Ok(member) => member,
            Err(error) => {
                error.refusal()?;
                None
            }
        };
        let entered = member.map(|member| member.entered);
        if entered.is_some() && entered == joined.entered {
            return Ok(Some(joined));
        }
        self.0.ports.players.forget(player, &joined.channel, joined.entered).await?;
        let Some(entered) = entered else { return Ok(None) };
        self.confirm(player, &joined.channel, joined.slot, entered, joined.password_revision).await?;
        Ok(Some(Joined { entered: Some(entered), ..joined }))
    }

    /// Ends a player's membership, by the game server's word.
    ///
    /// # Errors
    /// `NotFound`, `NotMember`, or the store's.
    pub async fn exit(&self, player: &PlayerKey, id: &ChannelId) -> Result<(), ChannelError> {
        let key = player.game.channel(id.clone());
        let players = &self.0.ports.players;
        // A player whose socket is lost must not come back with RECONNECT either.
        let was_lost = players.forget_lost(player, id).await?;
        match self.0.ports.channels.exit(&key, player.player, None, self.now()).await {
            Ok(exited) => {
                meters().events_appended.of((EventKind::Exited,)).increment(1);
                Ok(players.forget(player, id, Some(exited.entered)).await?)
            }
            Err(ChannelError::NotMember) if was_lost => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes a channel; with `asked_by`, only its owner may.
    ///
    /// # Errors
    /// `NotFound`; `NotOwner`; or the store's.
    pub async fn delete_channel(&self, key: &ChannelKey, asked_by: Option<PlayerId>) -> Result<(), DeleteError> {
        let owner = self.0.ports.channels.get(key).await?.spec.owner;
        if asked_by.is_some_and(|player| owner != Owner::Player(player)) {
            return Err(DeleteError::NotOwner);
        }
        let deleted = self.0.ports.channels.delete(key, self.now()).await?;
        meters().events_appended.of((EventKind::Deleted,)).increment(1);
        for member in deleted.members {
            let player = key.game.player(member.player);
            self.0
                .ports
                .players
                .forget(&player, &key.channel, Some(member.entered))
                .await
                .map_err(ChannelError::from)?;
        }
        Ok(())
    }

    /// Deletes channels that a player owns and that have been empty for `age`; says how many.
    pub async fn sweep(&self, age: Duration) -> Result<usize, StoreError> {
        let now = self.now();
        let mut swept = 0;
        loop {
            let vacant = self.0.ports.channels.vacant(now - age, SWEEP_BATCH).await?;
            let before = swept;
            for key in &vacant {
                swept += usize::from(self.0.ports.channels.delete_if_vacant(key, now - age, now).await?);
            }
            meters().events_appended.of((EventKind::Deleted,)).increment((swept - before) as u64);
            if vacant.len() < SWEEP_BATCH || swept == before {
                return Ok(swept);
            }
        }
    }
}

/// Why a channel was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    #[error("not the channel's owner")]
    NotOwner,
    #[error(transparent)]
    Channel(#[from] ChannelError),
}
