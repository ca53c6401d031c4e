//! `Channels` on SQLite: a row per channel, member and event.

mod log;
mod rows;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{EventBody, Position};
use guildhall_actors::ids::{ChannelKey, GameId, PlayerId};
use guildhall_actors::metrics::StorePort;
use guildhall_actors::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Channels, Deleted, Entered,
    Exited, History, LogSlice, Member, NewEvent, StoreError, Subscriber,
};
use rusqlite::params;

use self::rows::Row;
use super::Embedded;
use super::error::Failure;
use super::writer::Transaction;

type Outcome<T> = Result<T, Failure<ChannelError>>;

fn refuse<T>(error: ChannelError) -> Outcome<T> {
    Err(Failure::Refused(error))
}

impl Embedded {
    /// A step on an existing channel.
    async fn on_channel<T: Send + 'static>(
        &self,
        key: &ChannelKey,
        step: impl FnOnce(&Transaction<'_>, &ChannelKey, Row) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ChannelError> {
        let key = key.clone();
        let step = move |transaction: &Transaction<'_>| {
            let row = Row::load(transaction.sql, &key)?;
            step(transaction, &key, row)
        };
        self.write(StorePort::Channels, step).await
    }

    /// A query on an existing channel.
    async fn of_channel<T: Send + 'static>(
        &self,
        key: &ChannelKey,
        query: impl FnOnce(&rusqlite::Connection, Row) -> Outcome<T> + Send + 'static,
    ) -> Result<T, ChannelError> {
        let key = key.clone();
        self.query(StorePort::Channels, move |sql| query(sql, Row::load(sql, &key)?)).await
    }
}

#[async_trait]
impl Channels for Embedded {
    async fn create(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
        now: Timestamp,
    ) -> Result<Channel, ChannelError> {
        let (key, members) = (key.clone(), members.to_vec());
        let create = move |transaction: &Transaction<'_>| {
            let mut row = Row::create(transaction.sql, &key, spec, now)?;
            for player in members {
                row.add_member(transaction, &key, player, now)?;
            }
            Ok(row.into_channel())
        };
        self.write(StorePort::Channels, create).await
    }

    async fn get(&self, key: &ChannelKey) -> Result<Channel, ChannelError> {
        self.of_channel(key, |_, row| Ok(row.into_channel())).await
    }

    async fn update(&self, key: &ChannelKey, patch: ChannelPatch) -> Result<Channel, ChannelError> {
        self.on_channel(key, |transaction, _, mut row| {
            row.patch(transaction.sql, patch)?;
            Ok(row.into_channel())
        })
        .await
    }

    async fn delete(&self, key: &ChannelKey, now: Timestamp) -> Result<Deleted, ChannelError> {
        self.on_channel(key, move |transaction, key, mut row| {
            let members = row.members(transaction.sql)?;
            let position = row.delete(transaction, key, now)?;
            Ok(Deleted { position, members })
        })
        .await
    }

    async fn delete_if_vacant(&self, key: &ChannelKey, before: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        let delete = self.on_channel(key, move |transaction, key, mut row| {
            let is_vacant = row.vacant_since.is_some_and(|since| since < before);
            if is_vacant {
                row.delete(transaction, key, now)?;
            }
            Ok(is_vacant)
        });
        match delete.await {
            Err(ChannelError::Store(error)) => Err(error),
            deleted => Ok(deleted.unwrap_or(false)),
        }
    }

    async fn list(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError> {
        let game = game.clone();
        self.query(StorePort::Channels, move |sql| rows::list(sql, &game, kind, page, size)).await
    }

    async fn vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError> {
        self.query(StorePort::Channels, move |sql| rows::vacant(sql, before, limit)).await
    }

    async fn enter(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Entered, ChannelError> {
        let limits = self.0.log_limits.clone();
        self.on_channel(key, move |transaction, key, mut row| {
            row.check_admission(transaction.sql, player, &admission)?;
            let position = row.add_member(transaction, key, player, now)?;
            log::trim(transaction.sql, &row, &limits, now)?;
            Ok(Entered { position, password_revision: row.channel.spec.password_revision })
        })
        .await
    }

    async fn exit(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        entered: Option<Position>,
        now: Timestamp,
    ) -> Result<Exited, ChannelError> {
        let limits = self.0.log_limits.clone();
        self.on_channel(key, move |transaction, key, mut row| {
            let Some(member) = row.member(transaction.sql, player)? else { return refuse(ChannelError::NotMember) };
            if entered.is_some_and(|entered| entered != member.entered) {
                return refuse(ChannelError::NotMember);
            }
            let position = row.remove_member(transaction, key, player, now)?;
            log::trim(transaction.sql, &row, &limits, now)?;
            Ok(Exited { position, entered: member.entered })
        })
        .await
    }

    async fn members(&self, key: &ChannelKey) -> Result<Vec<Member>, ChannelError> {
        self.of_channel(key, |sql, row| row.members(sql)).await
    }

    async fn member(&self, key: &ChannelKey, player: PlayerId) -> Result<Option<Member>, ChannelError> {
        self.of_channel(key, move |sql, row| row.member(sql, player)).await
    }

    async fn append(&self, key: &ChannelKey, event: NewEvent, now: Timestamp) -> Result<Position, ChannelError> {
        let (limits, keep) = (self.0.log_limits.clone(), self.0.idempotency);
        self.on_channel(key, move |transaction, key, mut row| {
            if let Some(author) = event.body.author()
                && row.member(transaction.sql, author)?.is_none()
            {
                return refuse(ChannelError::NotMember);
            }
            if let Some(publication) = &event.idempotency_key
                && let Some(first) = log::first_publication(transaction.sql, &row, publication, now - keep)?
            {
                return Ok(first);
            }
            let position = row.append(transaction, key, event.body, now)?;
            if let Some(publication) = &event.idempotency_key {
                log::remember_publication(transaction.sql, &row, publication, position, now, now - keep)?;
            }
            log::trim(transaction.sql, &row, &limits, now)?;
            Ok(position)
        })
        .await
    }

    async fn read(&self, key: &ChannelKey, after: Position, limit: usize) -> Result<LogSlice, ChannelError> {
        self.of_channel(key, move |sql, row| log::read(sql, &row, after, limit)).await
    }

    async fn history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        now: Timestamp,
    ) -> Result<History, ChannelError> {
        let oldest = now - self.0.log_limits.history_age;
        self.of_channel(key, move |sql, row| log::history(sql, &row, anchor, prev, next, oldest)).await
    }

    async fn subscribe(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError> {
        // In the order of the log: no event can fall between the head and the first ring.
        self.on_channel(key, move |transaction, key, row| {
            transaction.subscribe_later(key, subscriber);
            Ok(row.channel.head)
        })
        .await
    }

    async fn unsubscribe(&self, key: &ChannelKey) {
        self.0.writer.subscribers().remove(key);
    }
}

/// Executes a statement whose only parameter is the channel's number.
fn execute(transaction: &Transaction<'_>, sql: &str, channel: i64) -> Outcome<()> {
    transaction.sql.prepare_cached(sql)?.execute(params![channel])?;
    Ok(())
}

impl Row {
    /// In the order the contract names: already in, wrong password, full.
    fn check_admission(&self, sql: &rusqlite::Connection, player: PlayerId, admission: &Admission) -> Outcome<()> {
        if let Admission::Restore { epoch, .. } = admission
            && *epoch != self.channel.head.epoch
        {
            return refuse(ChannelError::NotFound);
        }
        if self.member(sql, player)?.is_some() {
            return refuse(ChannelError::AlreadyMember);
        }
        if !self.channel.spec.admits(admission) {
            return refuse(ChannelError::WrongPassword);
        }
        if self.channel.member_count >= self.channel.spec.max_members {
            return refuse(ChannelError::Full);
        }
        Ok(())
    }

    fn add_member(
        &mut self,
        transaction: &Transaction<'_>,
        key: &ChannelKey,
        player: PlayerId,
        now: Timestamp,
    ) -> Outcome<Position> {
        let position = self.append(transaction, key, EventBody::Entered { player }, now)?;
        self.insert_member(transaction.sql, player, position, now)?;
        Ok(position)
    }

    fn remove_member(
        &mut self,
        transaction: &Transaction<'_>,
        key: &ChannelKey,
        player: PlayerId,
        now: Timestamp,
    ) -> Outcome<Position> {
        self.delete_member(transaction.sql, player, now)?;
        self.append(transaction, key, EventBody::Exited { player }, now)
    }

    /// The DELETE event is rung only: its log goes with the channel.
    fn delete(&mut self, transaction: &Transaction<'_>, key: &ChannelKey, now: Timestamp) -> Outcome<Position> {
        let position = self.ring(transaction, key, EventBody::Deleted, now);
        for sql in [
            "DELETE FROM events WHERE channel = ?",
            "DELETE FROM members WHERE channel = ?",
            "DELETE FROM publications WHERE channel = ?",
            "DELETE FROM channels WHERE number = ?",
        ] {
            execute(transaction, sql, self.number)?;
        }
        Ok(position)
    }
}
