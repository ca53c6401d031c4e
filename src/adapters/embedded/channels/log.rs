//! The event log of a channel: reading, history, trimming, and appends that may be repeated.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Event, Position};
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::{History, LogSlice};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::Outcome;
use super::rows::Row;

/// Appends between two looks at what can be trimmed.
const TRIM_EVERY: u64 = 64;

/// Runs a query for columns `sequence, at, body`.
fn events(sql: &Connection, row: &Row, query: &str, params: impl Params) -> Outcome<Vec<Event>> {
    let mut query = sql.prepare_cached(query)?;
    let mut rows = query.query(params)?;
    let mut events = Vec::new();
    while let Some(found) = rows.next()? {
        let sequence = found.get::<_, i64>(0)?.cast_unsigned();
        let body: String = found.get(2)?;
        events.push(Event {
            position: Position { sequence, ..row.channel.head },
            at: Timestamp(found.get(1)?),
            body: serde_json::from_str(&body)?,
        });
    }
    Ok(events)
}

pub(super) fn read(sql: &Connection, row: &Row, after: Position, limit: usize) -> Outcome<LogSlice> {
    let head = row.channel.head;
    let from = if after.epoch == head.epoch { after.sequence.min(head.sequence) } else { 0 };
    let events = events(
        sql,
        row,
        "SELECT sequence, at, body FROM events WHERE channel = ? AND sequence > ? ORDER BY sequence LIMIT ?",
        params![row.number, from.cast_signed(), limit],
    )?;
    let first = events.first().map_or(head.sequence + 1, |event| event.position.sequence);
    // A place beyond the head is of a log that has lost its end, say by a restored backup.
    let reaches = after.epoch == head.epoch && after.sequence <= head.sequence;
    let complete = reaches && first == from + 1;
    Ok(LogSlice { events, complete, head })
}

pub(super) fn history(
    sql: &Connection,
    row: &Row,
    anchor: Option<Position>,
    prev: usize,
    next: usize,
    oldest: Timestamp,
) -> Outcome<History> {
    if anchor.is_some_and(|anchor| anchor.epoch != row.channel.head.epoch) {
        return Ok(History { messages: Vec::new(), has_prev: false, has_next: false });
    }
    let before = anchor.map_or(i64::MAX, |anchor| anchor.sequence.cast_signed());
    let mut older = events(
        sql,
        row,
        "SELECT sequence, at, body FROM events
         WHERE channel = ? AND sequence < ? AND is_chat AND at >= ? ORDER BY sequence DESC LIMIT ?",
        params![row.number, before, oldest.0, prev + 1],
    )?;
    let has_prev = older.len() > prev;
    older.truncate(prev);
    older.reverse();
    let Some(anchor) = anchor else { return Ok(History { messages: older, has_prev, has_next: false }) };
    // The anchor itself, when it still exists, is one more than asked for.
    let mut newer = events(
        sql,
        row,
        "SELECT sequence, at, body FROM events
         WHERE channel = ? AND sequence >= ? AND is_chat AND at >= ? ORDER BY sequence LIMIT ?",
        params![row.number, anchor.sequence.cast_signed(), oldest.0, next + 2],
    )?;
    let wanted = next + usize::from(newer.first().is_some_and(|event| event.position == anchor));
    let has_next = newer.len() > wanted;
    newer.truncate(wanted);
    older.append(&mut newer);
    Ok(History { messages: older, has_prev, has_next })
}

/// Where an earlier append with this key went, if it was after `oldest`.
pub(super) fn first_publication(
    sql: &Connection,
    row: &Row,
    key: &str,
    oldest: Timestamp,
) -> Outcome<Option<Position>> {
    let mut query =
        sql.prepare_cached("SELECT sequence FROM publications WHERE channel = ? AND key = ? AND at >= ?")?;
    let sequence: Option<i64> = query.query_row(params![row.number, key, oldest.0], |row| row.get(0)).optional()?;
    Ok(sequence.map(|sequence| Position { sequence: sequence.cast_unsigned(), ..row.channel.head }))
}

/// Also drops publications of any channel that no repeat can meet any more.
pub(super) fn remember_publication(
    sql: &Connection,
    row: &Row,
    key: &str,
    position: Position,
    now: Timestamp,
    oldest: Timestamp,
) -> Outcome<()> {
    sql.prepare_cached("DELETE FROM publications WHERE at < ?")?.execute([oldest.0])?;
    sql.prepare_cached("INSERT OR REPLACE INTO publications (channel, key, sequence, at) VALUES (?, ?, ?, ?)")?
        .execute(params![row.number, key, position.sequence.cast_signed(), now.0])?;
    Ok(())
}

/// Now and then, drops what is over the channel's limits.
pub(super) fn trim(sql: &Connection, row: &Row, limits: &LogLimits, now: Timestamp) -> Outcome<()> {
    let head = row.channel.head.sequence;
    if !head.is_multiple_of(TRIM_EVERY) {
        return Ok(());
    }
    let (count, age) = if row.channel.spec.history {
        (limits.history_events, limits.history_age)
    } else {
        (limits.events, limits.age)
    };
    let oldest: Option<i64> = sql
        .prepare_cached("SELECT sequence FROM events WHERE channel = ? AND at >= ? ORDER BY sequence LIMIT 1")?
        .query_row(params![row.number, (now - age).0], |row| row.get(0))
        .optional()?;
    let first_by_age = oldest.unwrap_or(0);
    let first_by_count = head.saturating_sub(count).cast_signed() + 1;
    sql.prepare_cached("DELETE FROM events WHERE channel = ? AND sequence < ?")?
        .execute(params![row.number, first_by_age.max(first_by_count)])?;
    Ok(())
}
