//! Channels and members as rows.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Epoch, Event, EventBody, Position};
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId, PlayerId};
use guildhall_actors::ports::{
    Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Member, Owner, StoreError,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::Outcome;
use crate::adapters::embedded::error::Failure;
use crate::adapters::embedded::writer::Transaction;

/// A channel as stored.
pub(super) struct Row {
    pub(super) number: i64,
    pub(super) channel: Channel,
    /// Since when nobody is in a channel that a player owns.
    pub(super) vacant_since: Option<Timestamp>,
}

const COLUMNS: &str = "number, id, spec, epoch, head, members, created_at, vacant_since";

impl Row {
    /// # Errors
    /// `NotFound`.
    pub(super) fn load(sql: &Connection, key: &ChannelKey) -> Outcome<Self> {
        let mut query = sql.prepare_cached(&format!("SELECT {COLUMNS} FROM channels WHERE game = ? AND id = ?"))?;
        let row = query.query_row([key.game.as_str(), key.channel.as_str()], |row| Ok(Self::read(row))).optional()?;
        row.transpose()?.ok_or(Failure::Refused(ChannelError::NotFound))
    }

    /// A row in [`COLUMNS`].
    fn read<E>(row: &rusqlite::Row<'_>) -> Result<Self, Failure<E>> {
        let id: String = row.get(1)?;
        let spec: String = row.get(2)?;
        let channel = Channel {
            id: serde_json::from_value(id.into())?,
            spec: serde_json::from_str(&spec)?,
            created_at: Timestamp(row.get(6)?),
            member_count: row.get(5)?,
            head: Position {
                epoch: Epoch(row.get::<_, i64>(3)?.cast_unsigned()),
                sequence: row.get::<_, i64>(4)?.cast_unsigned(),
            },
        };
        let vacant_since: Option<i64> = row.get(7)?;
        Ok(Self { number: row.get(0)?, channel, vacant_since: vacant_since.map(Timestamp) })
    }

    /// # Errors
    /// `Duplicate`.
    pub(super) fn create(sql: &Connection, key: &ChannelKey, spec: ChannelSpec, now: Timestamp) -> Outcome<Self> {
        let epoch = Epoch(rand::random());
        let mut insert = sql.prepare_cached(
            "INSERT INTO channels (game, id, kind, spec, epoch, head, members, created_at, vacant_since)
             VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?) ON CONFLICT DO NOTHING",
        )?;
        let vacant_since = (spec.owner != Owner::System).then_some(now);
        let (game, id, kind) = (key.game.as_str(), key.channel.as_str(), spec.kind.as_str());
        let text = serde_json::to_string(&spec)?;
        let vacant = vacant_since.map(|at| at.0);
        if insert.execute(params![game, id, kind, text, epoch.0.cast_signed(), now.0, vacant])? == 0 {
            return Err(Failure::Refused(ChannelError::Duplicate));
        }
        let head = Position { epoch, sequence: 0 };
        let channel = Channel { id: key.channel.clone(), spec, created_at: now, member_count: 0, head };
        Ok(Self { number: sql.last_insert_rowid(), channel, vacant_since })
    }

    pub(super) fn into_channel(self) -> Channel {
        self.channel
    }

    pub(super) fn patch(&mut self, sql: &Connection, patch: ChannelPatch) -> Outcome<()> {
        self.channel.spec = self.channel.spec.clone().patched(patch);
        let text = serde_json::to_string(&self.channel.spec)?;
        sql.prepare_cached("UPDATE channels SET spec = ? WHERE number = ?")?.execute(params![text, self.number])?;
        Ok(())
    }

    /// Since when the channel is vacant, if it is so now.
    fn vacancy(&self, now: Timestamp) -> Option<Timestamp> {
        (self.channel.member_count == 0 && self.channel.spec.owner != Owner::System).then_some(now)
    }

    /// Appends the next event. Of the channel's own row only the head changes: no index is concerned.
    pub(super) fn append(
        &mut self,
        transaction: &Transaction<'_>,
        key: &ChannelKey,
        body: EventBody,
        now: Timestamp,
    ) -> Outcome<Position> {
        let (text, is_chat) = (serde_json::to_string(&body)?, matches!(body, EventBody::Chat { .. }));
        let position = self.ring(transaction, key, body, now);
        let sequence = position.sequence.cast_signed();
        transaction
            .sql
            .prepare_cached("INSERT INTO events (channel, sequence, at, is_chat, body) VALUES (?, ?, ?, ?, ?)")?
            .execute(params![self.number, sequence, now.0, is_chat, text])?;
        transaction
            .sql
            .prepare_cached("UPDATE channels SET head = ? WHERE number = ?")?
            .execute(params![sequence, self.number])?;
        Ok(position)
    }

    /// Gives an event the next place and rings with it after the commit.
    pub(super) fn ring(
        &mut self,
        transaction: &Transaction<'_>,
        key: &ChannelKey,
        body: EventBody,
        now: Timestamp,
    ) -> Position {
        self.channel.head.sequence += 1;
        let position = self.channel.head;
        transaction.ring_later(key, Event { position, at: now, body });
        position
    }

    pub(super) fn insert_member(
        &mut self,
        sql: &Connection,
        player: PlayerId,
        entered: Position,
        now: Timestamp,
    ) -> Outcome<()> {
        sql.prepare_cached("INSERT INTO members (channel, player, entered, entered_at) VALUES (?, ?, ?, ?)")?
            .execute(params![self.number, player.0, entered.sequence.cast_signed(), now.0])?;
        self.channel.member_count += 1;
        self.vacant_since = None;
        self.store_counters(sql)
    }

    pub(super) fn delete_member(&mut self, sql: &Connection, player: PlayerId, now: Timestamp) -> Outcome<()> {
        sql.prepare_cached("DELETE FROM members WHERE channel = ? AND player = ?")?
            .execute(params![self.number, player.0])?;
        self.channel.member_count -= 1;
        self.vacant_since = self.vacancy(now);
        self.store_counters(sql)
    }

    /// Writes what follows from the members.
    fn store_counters(&self, sql: &Connection) -> Outcome<()> {
        sql.prepare_cached("UPDATE channels SET members = ?, vacant_since = ? WHERE number = ?")?.execute(params![
            self.channel.member_count,
            self.vacant_since.map(|at| at.0),
            self.number
        ])?;
        Ok(())
    }

    pub(super) fn member(&self, sql: &Connection, player: PlayerId) -> Outcome<Option<Member>> {
        let mut query =
            sql.prepare_cached("SELECT player, entered, entered_at FROM members WHERE channel = ? AND player = ?")?;
        Ok(query.query_row(params![self.number, player.0], |row| self.read_member(row)).optional()?)
    }

    /// In the order they entered.
    pub(super) fn members(&self, sql: &Connection) -> Outcome<Vec<Member>> {
        let mut query =
            sql.prepare_cached("SELECT player, entered, entered_at FROM members WHERE channel = ? ORDER BY entered")?;
        Ok(query.query_map([self.number], |row| self.read_member(row))?.collect::<Result<_, _>>()?)
    }

    fn read_member(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Member> {
        let sequence = row.get::<_, i64>(1)?.cast_unsigned();
        let entered = Position { sequence, ..self.channel.head };
        Ok(Member { player: PlayerId(row.get(0)?), entered, entered_at: Timestamp(row.get(2)?) })
    }
}

pub(super) fn list(
    sql: &Connection,
    game: &GameId,
    kind: Option<ChannelKind>,
    page: u64,
    size: u64,
) -> Result<ChannelPage, Failure<StoreError>> {
    let kind = kind.map(ChannelKind::as_str);
    let mut count =
        sql.prepare_cached("SELECT count(*) FROM channels WHERE game = ?1 AND (?2 IS NULL OR kind = ?2)")?;
    let total = count.query_row(params![game.as_str(), kind], |row| row.get::<_, i64>(0))?.cast_unsigned();
    let mut query = sql.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM channels WHERE game = ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY id LIMIT ?3 OFFSET ?4"
    ))?;
    let skipped = i64::try_from(page.saturating_sub(1).saturating_mul(size)).unwrap_or(i64::MAX);
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let mut rows = query.query(params![game.as_str(), kind, size, skipped])?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next()? {
        channels.push(Row::read(row)?.channel);
    }
    Ok(ChannelPage { channels, total })
}

pub(super) fn vacant(
    sql: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<ChannelKey>, Failure<StoreError>> {
    let mut query = sql.prepare_cached("SELECT game, id FROM channels WHERE vacant_since < ? LIMIT ?")?;
    let mut rows = query.query(params![before.0, limit])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let (game, id): (String, String) = (row.get(0)?, row.get(1)?);
        keys.extend(ChannelId::parse(&id).map(|id| GameId::new(&game).channel(id)));
    }
    Ok(keys)
}
