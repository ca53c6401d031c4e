//! `Inbox` on SQLite.

use std::time::Duration;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::metrics::StorePort;
use guildhall_actors::ports::{Inbox, InboxEntry, InboxKey, InboxSlice, Recorded, StoreError};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Rows, ToSql, params};

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

/// An expired record gives way, and counts as dropped.
fn insert(sql: &Connection, key: &InboxKey, body: &[u8], now: Timestamp) -> Outcome<()> {
    let parameters = params![key.game.as_str(), key.source, key.key];
    note_dropped(sql, "game = ? AND source = ? AND key = ?", parameters)?;
    let mut insert =
        sql.prepare_cached("INSERT OR REPLACE INTO inbox (game, source, key, body, at) VALUES (?, ?, ?, ?, ?)")?;
    insert.execute(params![key.game.as_str(), key.source, key.key, body, now.0])?;
    Ok(())
}

/// Remembers of which games and sources the records under `condition` are about to go.
fn note_dropped(sql: &Connection, condition: &str, parameters: &[&dyn ToSql]) -> rusqlite::Result<()> {
    let mut note = sql.prepare_cached(&format!(
        "INSERT INTO inbox_dropped (game, source, cursor)
         SELECT game, source, max(cursor) FROM inbox WHERE {condition} GROUP BY game, source
         ON CONFLICT DO UPDATE SET cursor = max(cursor, excluded.cursor)"
    ))?;
    note.execute(parameters)?;
    Ok(())
}

const COLUMNS: &str = "cursor, source, key, body, at, answer";

/// An entry in [`COLUMNS`].
fn entry(row: &Row<'_>) -> rusqlite::Result<InboxEntry> {
    Ok(InboxEntry {
        cursor: row.get::<_, i64>(0)?.cast_unsigned(),
        source: row.get(1)?,
        key: row.get(2)?,
        body: row.get(3)?,
        at: Timestamp(row.get(4)?),
        answer: row.get(5)?,
    })
}

/// Entries until there are enough bytes of them.
fn bounded(mut rows: Rows<'_>) -> rusqlite::Result<Vec<InboxEntry>> {
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let entry = entry(row)?;
        bytes += entry.body.len();
        if bytes > InboxSlice::BYTES && !entries.is_empty() {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The sources as the text of an SQL list. They are constants of this program.
fn list(sources: &[&'static str]) -> String {
    let quoted: Vec<_> = sources.iter().map(|source| format!("'{}'", source.replace('\'', "''"))).collect();
    quoted.join(", ")
}

fn slice(sql: &Connection, game: &GameId, sources: &str, after: i64, limit: usize) -> Outcome<InboxSlice> {
    let mut query = sql.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM inbox WHERE game = ? AND cursor > ? AND source IN ({sources}) ORDER BY cursor LIMIT ?"
    ))?;
    let entries = bounded(query.query(params![game.as_str(), after, limit])?)?;
    let mut query = sql.prepare_cached(&format!(
        "SELECT coalesce(max(cursor), 0) FROM inbox_dropped WHERE game = ? AND source IN ({sources})"
    ))?;
    let dropped: i64 = query.query_row([game.as_str()], |row| row.get(0))?;
    Ok(InboxSlice { entries, complete: dropped <= after })
}

/// Records dropped in one step: others wait for the writer meanwhile.
const BATCH: usize = 1000;

/// Games of the sources, each with the cursor of the newest record that is beyond its `keep` newest.
fn surplus(sql: &Connection, sources: &str, keep: i64) -> Outcome<Vec<(String, i64)>> {
    let mut query = sql.prepare_cached(&format!("SELECT DISTINCT game FROM inbox WHERE source IN ({sources})"))?;
    let games: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut query = sql.prepare_cached(&format!(
        "SELECT cursor FROM inbox WHERE game = ? AND source IN ({sources}) ORDER BY cursor DESC LIMIT 1 OFFSET ?"
    ))?;
    let mut found = Vec::new();
    for game in games {
        let cursor = query.query_row(params![game, keep], |row| row.get(0)).optional()?;
        found.extend(cursor.map(|cursor| (game, cursor)));
    }
    Ok(found)
}

impl Embedded {
    /// Drops the records under a condition, batch by batch; says how many.
    async fn drop_records(&self, condition: String, parameters: Vec<Value>) -> Result<u64, StoreError> {
        let mut dropped = 0;
        loop {
            let (condition, parameters) = (condition.clone(), parameters.clone());
            let drop = move |transaction: &super::writer::Transaction<'_>| {
                let batch = format!("cursor IN (SELECT cursor FROM inbox WHERE {condition} LIMIT {BATCH})");
                let parameters: Vec<&dyn ToSql> = parameters.iter().map(|value| value as &dyn ToSql).collect();
                note_dropped(transaction.sql, &batch, &parameters)?;
                let mut delete = transaction.sql.prepare_cached(&format!("DELETE FROM inbox WHERE {batch}"))?;
                Ok::<_, Failure<StoreError>>(delete.execute(&*parameters)?)
            };
            let count = self.write(StorePort::Inbox, drop).await?;
            dropped += count as u64;
            if count < BATCH {
                return Ok(dropped);
            }
        }
    }
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
        self.write(StorePort::Inbox, record).await
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
        self.write(StorePort::Inbox, finish).await
    }

    async fn entry(&self, key: &InboxKey) -> Result<Option<InboxEntry>, StoreError> {
        let key = key.clone();
        let query = move |sql: &Connection| {
            let mut query =
                sql.prepare_cached(&format!("SELECT {COLUMNS} FROM inbox WHERE game = ? AND source = ? AND key = ?"))?;
            let found = query.query_row(params![key.game.as_str(), key.source, key.key], entry);
            Ok::<_, Failure<StoreError>>(found.optional()?)
        };
        self.query(StorePort::Inbox, query).await
    }

    async fn pending(
        &self,
        source: &'static str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<(GameId, InboxEntry)>, StoreError> {
        let query = move |sql: &Connection| {
            let mut query = sql.prepare_cached(&format!(
                "SELECT {COLUMNS}, game FROM inbox
                 WHERE source = ? AND answer IS NULL AND at < ? ORDER BY at, cursor LIMIT ?"
            ))?;
            let rows = query.query_map(params![source, before.0, limit], |row| {
                Ok((GameId::new(&row.get::<_, String>(6)?), entry(row)?))
            })?;
            Ok::<_, Failure<StoreError>>(rows.collect::<Result<_, _>>()?)
        };
        self.query(StorePort::Inbox, query).await
    }

    async fn read(
        &self,
        game: &GameId,
        sources: &[&'static str],
        after: u64,
        limit: usize,
    ) -> Result<InboxSlice, StoreError> {
        let (game, sources, after) = (game.clone(), list(sources), i64::try_from(after).unwrap_or(i64::MAX));
        self.query(StorePort::Inbox, move |sql| slice(sql, &game, &sources, after, limit)).await
    }

    async fn read_newest(
        &self,
        game: &GameId,
        sources: &[&'static str],
        limit: usize,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let (game, sources) = (game.clone(), list(sources));
        let query = move |sql: &Connection| {
            let mut query = sql.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM inbox WHERE game = ? AND source IN ({sources}) ORDER BY cursor DESC LIMIT ?"
            ))?;
            let mut entries = bounded(query.query(params![game.as_str(), limit])?)?;
            entries.reverse();
            Ok::<_, Failure<StoreError>>(entries)
        };
        self.query(StorePort::Inbox, query).await
    }

    async fn trim(
        &self,
        sources: &[&'static str],
        before: Timestamp,
        keep: u64,
        done_only: bool,
    ) -> Result<u64, StoreError> {
        let sources = list(sources);
        let done = if done_only { " AND answer IS NOT NULL" } else { "" };
        let by_age = format!("source IN ({sources}) AND at < ?{done}");
        let mut dropped = self.drop_records(by_age, vec![Value::Integer(before.0)]).await?;
        if let Ok(keep) = i64::try_from(keep) {
            let names = sources.clone();
            for (game, cursor) in self.query(StorePort::Inbox, move |sql| surplus(sql, &names, keep)).await? {
                let beyond = format!("game = ? AND cursor <= ? AND source IN ({sources}){done}");
                dropped += self.drop_records(beyond, vec![Value::Text(game), Value::Integer(cursor)]).await?;
            }
        }
        Ok(dropped)
    }
}
