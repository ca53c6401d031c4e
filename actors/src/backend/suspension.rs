//! A suspension takes effect: on the player's socket, and on whatever the player plays.
//!
//! The decision is one step at the player. What follows from it is done again until nothing has changed in between, so
//! that of several decisions at once the last one holds everywhere. What a crash cuts off is made up for by whoever
//! decided: a webhook is carried out again, an operator repeats the request; and a login or a `verify` asks the player
//! anyway.

use futures_util::future::try_join_all;

use super::Backend;
use crate::clock::Timestamp;
use crate::connection::Note;
use crate::ids::{PlayerKey, SessionId};
use crate::limits::SessionLimits;
use crate::ports::{Decider, Play, PlayerState, StoreError, Suspension};
use crate::session::{DocumentKey, Memory, Suspend, View, rules};

impl Backend {
    /// Sets or lifts a suspension, unless a later decision has overtaken this one. When it begins, the player's socket
    /// is closed and live game sessions end.
    ///
    /// # Errors
    /// The store's. The suspension may be set, and its effects open: repeat it.
    pub async fn suspend(
        &self,
        player: &PlayerKey,
        suspension: Option<&Suspension>,
        by: Decider,
    ) -> Result<(), StoreError> {
        let login = self.0.ports.players.suspend(player, suspension, by).await?;
        self.tell_if_live(login.clone(), Note::Suspension(suspension.cloned())).await?;
        // What is told when the decision was overtaken, or is by now, is for the round below.
        let told = login.map(|login| (login, suspension.cloned()));
        let mut before = self.0.ports.players.look_up(player).await?;
        if told != before.login.clone().map(|login| (login, before.suspension.clone())) {
            self.tell_suspension(&before).await?;
        }
        loop {
            self.suspend_plays(player, &before).await?;
            let now = self.0.ports.players.look_up(player).await?;
            if now.suspension == before.suspension && now.plays.iter().all(|play| before.plays.contains(play)) {
                return Ok(());
            }
            if now.suspension != before.suspension {
                self.tell_suspension(&now).await?;
            }
            before = now;
        }
    }

    async fn tell_suspension(&self, state: &PlayerState) -> Result<(), StoreError> {
        self.tell_if_live(state.login.clone(), Note::Suspension(state.suspension.clone())).await
    }

    async fn suspend_plays(&self, player: &PlayerKey, state: &PlayerState) -> Result<(), StoreError> {
        let plays = state.plays.iter().map(|play| self.suspend_play(play, state.suspension.as_ref()));
        let ended = try_join_all(plays).await?.into_iter().filter(|ended| *ended).count();
        if ended > 0 {
            tracing::info!(player.id = %player.player, sessions = ended, "sessions of a suspended player ended");
        }
        Ok(())
    }

    /// Says whether it ended the session.
    async fn suspend_play(&self, play: &Play, suspension: Option<&Suspension>) -> Result<bool, StoreError> {
        let prefetch = [DocumentKey::Session(play.session)];
        let ask = Suspend { session: play.session, suspension: suspension.cloned() };
        let rule = |view: &View<'_>, limits: &SessionLimits, now: Timestamp| rules::suspend(view, &ask, limits, now);
        self.decide(&play.cafe, &mut Memory::default(), &prefetch, rule).await
    }

    /// A session has begun. A suspension that was set while it did has not seen it, and one that lies ahead is to end
    /// it in time. Says whether the session goes on.
    pub(super) async fn suspend_new_play(&self, player: &PlayerKey, session: SessionId) -> Result<bool, StoreError> {
        let mut goes_on = true;
        let mut state = self.0.ports.players.look_up(player).await?;
        let mut seen = None;
        while goes_on && state.suspension != seen {
            let Some(play) = state.plays.iter().find(|play| play.session == session) else { break };
            goes_on = !self.suspend_play(play, state.suspension.as_ref()).await?;
            seen = state.suspension;
            state = self.0.ports.players.look_up(player).await?;
        }
        Ok(goes_on)
    }
}
