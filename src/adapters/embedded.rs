//! The embedded adapters: every port in one process, on SQLite in a data folder.
//!
//! One thread writes; writes that come while it waits for the disk share its next fsync (group commit). A step is
//! answered after its commit, so whatever was acknowledged survives `kill -9` and, as far as the disk keeps its word,
//! a power loss. Readers use their own connections beside it, and so do checkpoints. The folder belongs to one process
//! at a time.
//!
//! The documents of cafes are in memory first, and the disk follows: see `sessions/memory.rs`.

mod channels;
mod checkpoints;
mod error;
mod folder;
mod inbox;
mod measured;
mod nodes;
mod players;
mod readers;
mod schema;
mod sessions;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use guildhall_actors::backend::Ports;
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::StoreError;

use checkpoints::Checkpoints;
pub use error::OpenError;
use folder::Folder;
use readers::Readers;
use sessions::{Flusher, Memory};
use writer::Writer;

/// Documents of cafes that are kept in memory while they are not in use, twice: those of some 20,000 PCs with all that
/// belongs to them, in less than 100 MB.
const DOCUMENTS: usize = 65_536;

/// An open data folder.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    memory: Arc<Memory>,
    // Before the writer: it writes what is left.
    _flusher: Flusher,
    writer: Arc<Writer>,
    readers: Readers,
    log_limits: LogLimits,
    idempotency: std::time::Duration,
    mail: tokio::sync::Notify,
    // Last: the folder is given up when everything else is closed.
    _folder: Folder,
}

impl Embedded {
    /// Opens the folder, makes it when it is missing, and checks it.
    ///
    /// # Errors
    /// The folder is in use, damaged, of a newer version, or not writable. Nothing is changed then.
    pub fn open(path: &Path, log_limits: LogLimits, idempotency: std::time::Duration) -> Result<Self, OpenError> {
        Self::open_with(path, log_limits, idempotency, DOCUMENTS, checkpoints::BOUND)
    }

    fn open_with(
        path: &Path,
        log_limits: LogLimits,
        idempotency: std::time::Duration,
        documents: usize,
        log_bound: i64,
    ) -> Result<Self, OpenError> {
        let folder = Folder::lock(path)?;
        let connection = schema::open(folder.database(), !folder.is_used())?;
        folder.mark_used().map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        let readers = Readers::new(folder.database());
        let damaged = |error: rusqlite::Error| OpenError::Damaged { path: path.to_owned(), detail: error.to_string() };
        let checkpoints = Checkpoints::start(folder.database(), folder.file(), log_bound).map_err(damaged)?;
        let memory = Arc::new(Memory::new(sessions::last_version(&connection).map_err(damaged)?, documents));
        let ended = memory.clone();
        let writer = Arc::new(Writer::start(connection, checkpoints, move |result| ended.end_transaction(result)));
        let _flusher = Flusher::start(memory.clone(), writer.clone());
        let mail = tokio::sync::Notify::new();
        Ok(Self(Arc::new(Inner { memory, _flusher, writer, readers, log_limits, idempotency, mail, _folder: folder })))
    }

    pub fn ports(&self) -> Ports {
        Ports::on(Arc::new(self.clone()))
    }

    /// Whether the store takes writes.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.writer.write(|_| Ok::<_, error::Failure<StoreError>>(())).await
    }
}
