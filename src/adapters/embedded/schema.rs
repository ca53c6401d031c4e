//! The tables, and how a database is opened and checked.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// Steps from an empty database to the present one; a step, once released, never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
];

/// Opens the database for writing, checks all of it, and brings it up to date. Only a `new` one may be empty.
pub(super) fn open(database: &Path, new: bool) -> Result<Connection, OpenError> {
    let folder = database.parent().unwrap_or(database);
    let damaged = |detail: String| OpenError::Damaged { path: folder.to_owned(), detail };
    let mut connection = Connection::open(database).map_err(|error| damaged(error.to_string()))?;
    prepare(&connection)
        .and_then(|()| check(&connection))
        .map_err(|error| damaged(error.to_string()))?
        .map_err(damaged)?;
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful");
    let found = version(&connection).map_err(|error| damaged(error.to_string()))?;
    if found > known {
        return Err(OpenError::Newer { path: folder.to_owned(), found, known });
    }
    if found == 0 && !new {
        return Err(damaged("the database is missing or empty; for a fresh start, remove the whole folder".into()));
    }
    migrate(&mut connection, found).map_err(|error| damaged(error.to_string()))?;
    Ok(connection)
}

/// How long to wait for a lock that somebody else has, for instance a tool that looks at the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READER_CACHE_KIB: i64 = 256;

/// FULL: in WAL mode, NORMAL may lose the newest commits at a power loss. Checkpoints: see `checkpoints.rs`.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    keep_plans(connection)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// A statement's plan does not depend on the values it is given: otherwise many a cached one is prepared anew with each
/// new value, which takes longer than to run it.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// Reads every page once: a damaged database must be refused now, not at some later read.
fn check(connection: &Connection) -> rusqlite::Result<Result<(), String>> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok(if found == "ok" { Ok(()) } else { Err(found) })
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    for (version, step) in (1..).zip(MIGRATIONS).filter(|(version, _)| *version > from) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Opens the database, which is open and sound, once more for writing.
pub(super) fn open_beside(database: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(database)?;
    prepare(&connection)?;
    Ok(connection)
}

/// Opens the database for reading.
pub(super) fn open_reader(database: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // The system's page cache stands behind it, and there may be several of these.
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    keep_plans(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
