//! Documents and settlements as rows.

use std::sync::Arc;

use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{CafeId, GameId};
use guildhall_actors::ports::{SettlementQuery, StoreError, Stored, Version};
use guildhall_actors::session::{Document, DocumentKey, DocumentKind, Settlement, unreadable_key};
use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension, Row, params};
use tracing::error;

use super::memory::{Batch, Key};
use crate::adapters::embedded::error::Failure;

type Outcome<T> = Result<T, Failure<StoreError>>;

/// The condition is that of the index, word for word.
pub(super) const PLACE: &str = "SELECT cafe FROM documents
     WHERE key = ? AND (key GLOB 'launcher:*' OR key GLOB 'token:*' OR key GLOB 'session:*')";
pub(super) const DUE: &str = "SELECT cafe, key FROM documents WHERE deadline <= ? ORDER BY deadline, cafe, key LIMIT ?";
pub(super) const CAFES: &str = "SELECT cafe FROM documents WHERE key = 'account' AND cafe > ? ORDER BY cafe LIMIT ?";

/// With one lower bound, so that a page is found without passing over those before it.
pub(super) fn settlements_text(of_cafe: bool, of_game: bool) -> String {
    let cafe = if of_cafe { "AND cafe = :cafe" } else { "" };
    let game = if of_game { "AND game = :game" } else { "" };
    format!(
        "SELECT body FROM settlements WHERE (ended_at, session) > (:after, :session) AND ended_at < :to {cafe} {game}
         ORDER BY ended_at, session LIMIT :limit"
    )
}

/// The highest version of any document.
pub(in crate::adapters::embedded) fn last_version(sql: &Connection) -> rusqlite::Result<Version> {
    let last: i64 = sql.query_row("SELECT coalesce(max(version), 0) FROM documents", [], |row| row.get(0))?;
    Ok(Version(last.cast_unsigned()))
}

pub(super) fn write(sql: &Connection, batch: &Batch) -> Outcome<()> {
    // Removals first: a document may have been made anew in another cafe.
    for (key, _) in batch.documents.iter().filter(|(_, entry)| entry.document.is_none()) {
        delete(sql, key)?;
    }
    for (key, entry) in batch.documents.iter() {
        if let Some(document) = &entry.document {
            upsert(sql, key, entry.version, document)?;
        }
    }
    batch.settlements.values().try_for_each(|settlement| insert_settlement(sql, settlement))
}

fn upsert(sql: &Connection, key: &Key, version: Version, document: &Document) -> Outcome<()> {
    let mut upsert = sql.prepare_cached(
        "INSERT INTO documents (cafe, key, version, deadline, body) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (cafe, key) DO UPDATE
         SET version = excluded.version, deadline = excluded.deadline, body = excluded.body",
    )?;
    let deadline = document.deadline().map(|deadline| deadline.0);
    let version = version.0.cast_signed();
    upsert.execute(params![key.cafe.as_str(), key.document.to_string(), version, deadline, document.to_json()])?;
    Ok(())
}

fn delete(sql: &Connection, key: &Key) -> Outcome<()> {
    let mut delete = sql.prepare_cached("DELETE FROM documents WHERE cafe = ? AND key = ?")?;
    delete.execute([key.cafe.as_str(), &key.document.to_string()])?;
    Ok(())
}

fn insert_settlement(sql: &Connection, settlement: &Settlement) -> Outcome<()> {
    let mut insert =
        sql.prepare_cached("INSERT INTO settlements (session, cafe, game, ended_at, body) VALUES (?, ?, ?, ?, ?)")?;
    let (cafe, game) = (settlement.cafe_id.as_str(), settlement.game_id.as_str());
    let body = serde_json::to_string(settlement)?;
    insert.execute(params![settlement.session_id.to_string(), cafe, game, settlement.ended_at.0, body])?;
    Ok(())
}

pub(super) fn load(sql: &Connection, cafe: &CafeId, keys: Vec<DocumentKey>) -> Outcome<Vec<(DocumentKey, Stored)>> {
    let mut query = sql.prepare_cached("SELECT version, body FROM documents WHERE cafe = ? AND key = ?")?;
    let mut load = |key: DocumentKey| {
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
        let found = query.query_row([cafe.as_str(), &key.to_string()], row).optional()?;
        let stored = match found {
            Some((version, body)) => {
                let document = Some(Arc::new(Document::from_json(key.kind(), &body)?));
                Stored { version: Version(version.cast_unsigned()), document }
            }
            None => Stored::default(),
        };
        Ok((key, stored))
    };
    keys.into_iter().map(&mut load).collect()
}

/// The cafe of a document that is found by its key.
pub(super) fn place(sql: &Connection, key: &DocumentKey) -> Outcome<Option<CafeId>> {
    let mut query = sql.prepare_cached(PLACE)?;
    let cafe: Option<String> = query.query_row([key.to_string()], |row| row.get(0)).optional()?;
    cafe.map(|cafe| cafe_id(&cafe)).transpose()
}

/// Whether any of these settlements is there.
pub(super) fn is_any_settled(sql: &Connection, settlements: &[Settlement]) -> Outcome<bool> {
    let mut query = sql.prepare_cached("SELECT 1 FROM settlements WHERE session = ?")?;
    for settlement in settlements {
        if query.exists([settlement.session_id.to_string()])? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn due(sql: &Connection, now: Timestamp, limit: usize) -> Outcome<Vec<(CafeId, DocumentKey)>> {
    let mut query = sql.prepare_cached(DUE)?;
    let mut rows = query.query(params![now.0, limit])?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        let (cafe, key): (String, String) = (row.get(0)?, row.get(1)?);
        match (cafe_id(&cafe), document_key(&key)) {
            (Ok(cafe), Ok(key)) => due.push((cafe, key)),
            // One that cannot be read must not hide the others.
            _ => error!(cafe, key, "a document that is due has no name that can be read"),
        }
    }
    Ok(due)
}

pub(super) fn list(
    sql: &Connection,
    cafe: &CafeId,
    kind: DocumentKind,
    after: Option<&DocumentKey>,
    limit: usize,
) -> Outcome<Vec<(DocumentKey, Arc<Document>)>> {
    let mut query = sql.prepare_cached(
        "SELECT key, body FROM documents
         WHERE cafe = ?1 AND key >= ?2 AND key < ?2 || ';' AND key > ?3 ORDER BY key LIMIT ?4",
    )?;
    // A key is the name of its kind, or that and a colon, which sorts right before the semicolon.
    let after = after.map(DocumentKey::to_string).unwrap_or_default();
    let mut rows = query.query(params![cafe.as_str(), kind.as_str(), after, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key = document_key(&row.get::<_, String>(0)?)?;
        found.push((key, Arc::new(Document::from_json(kind, &row.get::<_, String>(1)?)?)));
    }
    Ok(found)
}

pub(super) fn cafes(sql: &Connection, after: Option<&CafeId>, limit: usize) -> Outcome<Vec<CafeId>> {
    let mut query = sql.prepare_cached(CAFES)?;
    let mut rows = query.query(params![after.map_or("", CafeId::as_str), limit])?;
    let mut cafes = Vec::new();
    while let Some(row) = rows.next()? {
        cafes.push(cafe_id(&row.get::<_, String>(0)?)?);
    }
    Ok(cafes)
}

pub(super) fn settlements(sql: &Connection, query: &SettlementQuery) -> Outcome<Vec<Settlement>> {
    let begin = (query.from.0, String::new());
    let after = query.after.map(|(ended_at, session)| (ended_at.0, session.to_string()));
    let (ended_at, session) = after.map_or(begin.clone(), |after| after.max(begin));
    let (cafe, game) = (query.cafe.as_ref().map(CafeId::as_str), query.game.as_ref().map(GameId::as_str));
    let mut values: Vec<(&str, &dyn ToSql)> =
        vec![(":after", &ended_at), (":session", &session), (":to", &query.to.0), (":limit", &query.limit)];
    values.extend(cafe.as_ref().map(|cafe| (":cafe", cafe as &dyn ToSql)));
    values.extend(game.as_ref().map(|game| (":game", game as &dyn ToSql)));
    let mut query = sql.prepare_cached(&settlements_text(cafe.is_some(), game.is_some()))?;
    let mut rows = query.query(values.as_slice())?;
    let mut settlements = Vec::new();
    while let Some(row) = rows.next()? {
        settlements.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(settlements)
}

fn cafe_id(text: &str) -> Outcome<CafeId> {
    CafeId::parse(text).ok_or_else(|| unreadable_key(text).into())
}

fn document_key(text: &str) -> Outcome<DocumentKey> {
    DocumentKey::parse(text).ok_or_else(|| unreadable_key(text).into())
}
