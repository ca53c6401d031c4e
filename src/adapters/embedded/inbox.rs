//! `Inbox` on SQLite.

use std::time::Duration;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::{Inbox, InboxEntry, InboxKey, Recorded, StoreError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Embedded;
use super::error::Failure;

type Outcome<T> = Result<T, Failure<StoreError>>;

fn find(sql: &Connection, key: &InboxKey, body: &[u8], oldest: Timestamp) -> Outcome<Option<Recorded>> {
    let mut query =
        sql.prepare_cached("SELECT answer, at, body FROM inbox WHERE game = ? AND source = ? AND key = ? AND at >= ?")?;
    let found = query.query_row(params![key.game.as_str(), key.source, key.key, oldest.0], |row| {
        let same_body = row.get_ref(2)?.as_blob()? == body;
        Ok(match row.get(0)? {
            Some(answer) => Recorded::Done { answer, same_body },
            None => Recorded::Pending { since: Timestamp(row.get(1)?), same_body },
        })
    });
    Ok(found.optional()?)
}

fn insert(sql: &Connection, key: &InboxKey, body: &[u8], now: Timestamp) -> Outcome<()> {
    let mut insert =
        sql.prepare_cached("INSERT OR REPLACE INTO inbox (game, source, key, body, at) VALUES (?, ?, ?, ?, ?)")?;
    insert.execute(params![key.game.as_str(), key.source, key.key, body, now.0])?;
    Ok(())
}

/// An entry in columns `cursor, key, body, at, answer IS NOT NULL`.
fn entry(row: &Row<'_>) -> rusqlite::Result<InboxEntry> {
    let cursor = row.get::<_, i64>(0)?.cast_unsigned();
    Ok(InboxEntry { cursor, key: row.get(1)?, body: row.get(2)?, at: Timestamp(row.get(3)?), done: row.get(4)? })
}

#[async_trait]
impl Inbox for Embedded {
    async fn record(
        &self,
        key: &InboxKey,
        body: &[u8],
        keep: Duration,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        let (key, body) = (key.clone(), body.to_vec());
        let record = move |transaction: &super::writer::Transaction<'_>| {
            if let Some(found) = find(transaction.sql, &key, &body, now - keep)? {
                return Ok(found);
            }
            insert(transaction.sql, &key, &body, now)?;
            Ok(Recorded::New)
        };
        self.0.writer.write(record).await
    }

    async fn finish(&self, key: &InboxKey, answer: &[u8]) -> Result<(), StoreError> {
        let (key, answer) = (key.clone(), answer.to_vec());
        let finish = move |transaction: &super::writer::Transaction<'_>| {
            let mut update = transaction.sql.prepare_cached(
                "UPDATE inbox SET answer = ? WHERE game = ? AND source = ? AND key = ? AND answer IS NULL",
            )?;
            update.execute(params![answer, key.game.as_str(), key.source, key.key])?;
            Ok::<_, Failure<StoreError>>(())
        };
        self.0.writer.write(finish).await
    }

    async fn pending(
        &self,
        source: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(GameId, InboxEntry)>, StoreError> {
        let query = move |sql: &Connection| {
            let mut query = sql.prepare_cached(
                "SELECT cursor, key, body, at, 0, game FROM inbox
                 WHERE source = ? AND answer IS NULL AND at < ? ORDER BY at, cursor LIMIT ?",
            )?;
            let rows = query.query_map(params![source, before.0, limit], |row| {
                Ok((GameId::new(&row.get::<_, String>(5)?), entry(row)?))
            })?;
            Ok::<_, Failure<StoreError>>(rows.collect::<Result<_, _>>()?)
        };
        self.0.readers.read(query).await
    }

    async fn read(
        &self,
        game: &GameId,
        source: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let game = game.clone();
        let query = move |sql: &Connection| {
            let mut query = sql.prepare_cached(
                "SELECT cursor, key, body, at, answer IS NOT NULL FROM inbox
                 WHERE cursor > ? AND game = ? AND source = ? ORDER BY cursor LIMIT ?",
            )?;
            let rows = query.query_map(params![after.cast_signed(), game.as_str(), source, limit], entry)?;
            Ok::<_, Failure<StoreError>>(rows.collect::<Result<_, _>>()?)
        };
        self.0.readers.read(query).await
    }

    async fn trim(&self, source: &'static str, before: Timestamp) -> Result<u64, StoreError> {
        let trim = move |transaction: &super::writer::Transaction<'_>| {
            let mut delete = transaction.sql.prepare_cached("DELETE FROM inbox WHERE source = ? AND at < ?")?;
            Ok::<_, Failure<StoreError>>(delete.execute(params![source, before.0])? as u64)
        };
        self.0.writer.write(trim).await
    }
}
