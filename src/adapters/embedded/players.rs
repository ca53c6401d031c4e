//! `Players` on SQLite: one document per player.

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::Position;
use guildhall_actors::ids::{ChannelId, GameId, LoginId, NodeId, PlayerId, PlayerKey, SessionId};
use guildhall_actors::metrics::StorePort;
use guildhall_actors::ports::{
    Claimed, Decider, Joined, Login, Play, PlayerError, PlayerState, Players, ProfilePatch, ProfileUpdate, Resume,
    Slot, StoreError, Suspension,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::Embedded;
use super::error::Failure;
use super::measured::PortError;

fn load<E>(sql: &Connection, player: &PlayerKey) -> Result<PlayerState, Failure<E>> {
    let mut query = sql.prepare_cached("SELECT state FROM players WHERE game = ? AND player = ?")?;
    let state: Option<String> =
        query.query_row(params![player.game.as_str(), player.player.to_string()], |row| row.get(0)).optional()?;
    Ok(state.map(|state| serde_json::from_str(&state)).transpose()?.unwrap_or_default())
}

fn store<E>(sql: &Connection, player: &PlayerKey, state: &PlayerState) -> Result<(), Failure<E>> {
    let node = state.login.as_ref().map(|login| login.node.as_str());
    let mut upsert = sql.prepare_cached(
        "INSERT INTO players (game, player, node, state) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET node = excluded.node, state = excluded.state",
    )?;
    let state = serde_json::to_string(state)?;
    upsert.execute(params![player.game.as_str(), player.player.to_string(), node, state])?;
    Ok(())
}

impl Embedded {
    /// Applies one step to a player's document.
    async fn change<T, E>(
        &self,
        player: &PlayerKey,
        step: impl FnOnce(&mut PlayerState) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: PortError,
    {
        let player = player.clone();
        let change = move |transaction: &super::writer::Transaction<'_>| {
            let before = load(transaction.sql, &player)?;
            let mut state = before.clone();
            let result = step(&mut state).map_err(Failure::Refused)?;
            if state != before {
                store(transaction.sql, &player, &state)?;
            }
            Ok(result)
        };
        self.write(StorePort::Players, change).await
    }
}

#[async_trait]
impl Players for Embedded {
    async fn register(&self, player: &PlayerKey, now: Timestamp) -> Result<(), StoreError> {
        self.change(player, move |state| {
            state.register(now);
            Ok(())
        })
        .await
    }

    async fn claim(&self, player: &PlayerKey, login: &Login) -> Result<Claimed, PlayerError> {
        let login = login.clone();
        self.change(player, move |state| state.claim(&login)).await
    }

    async fn reclaim(&self, player: &PlayerKey, login: &Login) -> Result<Option<Claimed>, PlayerError> {
        let login = login.clone();
        self.change(player, move |state| state.reclaim(&login)).await
    }

    async fn release(&self, player: &PlayerKey, login: &LoginId) -> Result<bool, StoreError> {
        let login = login.clone();
        self.change(player, move |state| Ok(state.release(&login))).await
    }

    async fn save_resume(
        &self,
        player: &PlayerKey,
        login: &LoginId,
        resume: Option<&Resume>,
    ) -> Result<bool, StoreError> {
        let (login, resume) = (login.clone(), resume.cloned());
        self.change(player, move |state| Ok(state.save_resume(&login, resume.as_ref()))).await
    }

    async fn look_up(&self, player: &PlayerKey) -> Result<PlayerState, StoreError> {
        let player = player.clone();
        self.query(StorePort::Players, move |sql| load(sql, &player)).await
    }

    async fn reserve(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        slot: Slot,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        let channel = channel.clone();
        self.change(player, move |state| state.reserve(&channel, slot, cap, now)).await
    }

    async fn confirm(&self, player: &PlayerKey, joined: &Joined) -> Result<Option<Login>, StoreError> {
        let joined = joined.clone();
        self.change(player, move |state| Ok(state.confirm(&joined))).await
    }

    async fn forget(
        &self,
        player: &PlayerKey,
        channel: &ChannelId,
        entered: Option<Position>,
    ) -> Result<(), StoreError> {
        let channel = channel.clone();
        self.change(player, move |state| {
            state.forget(&channel, entered);
            Ok(())
        })
        .await
    }

    async fn forget_lost(&self, player: &PlayerKey, channel: &ChannelId) -> Result<bool, StoreError> {
        let channel = channel.clone();
        self.change(player, move |state| Ok(state.forget_lost(&channel))).await
    }

    async fn block(
        &self,
        player: &PlayerKey,
        target: PlayerId,
        cap: usize,
        now: Timestamp,
    ) -> Result<Option<Login>, PlayerError> {
        self.change(player, move |state| state.block(target, cap, now)).await
    }

    async fn unblock(&self, player: &PlayerKey, target: PlayerId) -> Result<Option<Login>, PlayerError> {
        self.change(player, move |state| state.unblock(target)).await
    }

    async fn suspend(
        &self,
        player: &PlayerKey,
        suspension: Option<&Suspension>,
        by: Decider,
    ) -> Result<Option<Login>, StoreError> {
        let suspension = suspension.cloned();
        self.change(player, move |state| Ok(state.suspend(suspension.as_ref(), by))).await
    }

    async fn update_profile(
        &self,
        player: &PlayerKey,
        patch: &ProfilePatch,
        create: bool,
        now: Timestamp,
    ) -> Result<ProfileUpdate, StoreError> {
        let patch = patch.clone();
        self.change(player, move |state| Ok(state.update_profile(&patch, create, now))).await
    }

    async fn begin_play(&self, player: &PlayerKey, play: &Play) -> Result<(), PlayerError> {
        let play = play.clone();
        self.change(player, move |state| state.begin_play(&play)).await
    }

    async fn end_play(&self, player: &PlayerKey, session: SessionId) -> Result<(), StoreError> {
        self.change(player, move |state| {
            state.end_play(session);
            Ok(())
        })
        .await
    }

    async fn logins_on(&self, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, StoreError> {
        let node = node.clone();
        self.query(StorePort::Players, move |sql| logins_on(sql, &node, limit)).await
    }
}

fn logins_on(sql: &Connection, node: &NodeId, limit: usize) -> Result<Vec<(PlayerKey, Login)>, Failure<StoreError>> {
    let mut query = sql.prepare_cached("SELECT game, player, state FROM players WHERE node = ? LIMIT ?")?;
    let mut rows = query.query(params![node.as_str(), limit])?;
    let mut logins = Vec::new();
    while let Some(row) = rows.next()? {
        let (game, player, state): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let state: PlayerState = serde_json::from_str(&state)?;
        let player: i64 = serde_json::from_str(&player)?;
        logins.extend(state.login.map(|login| (GameId::new(&game).player(PlayerId(player)), login)));
    }
    Ok(logins)
}
