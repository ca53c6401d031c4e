//! The embedded adapters: every port in one process, on SQLite in a data folder.
//!
//! One thread writes; writes that come while it waits for the disk share its next fsync (group commit). A step is
//! answered after its commit, so whatever was acknowledged survives `kill -9` and, as far as the disk keeps its word,
//! a power loss. Readers use their own connections beside it. The folder belongs to one process at a time.

mod channels;
mod error;
mod folder;
mod inbox;
mod nodes;
mod players;
mod readers;
mod schema;
mod writer;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use guildhall_actors::backend::Ports;
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::StoreError;

pub use error::OpenError;
use folder::Folder;
use readers::Readers;
use writer::Writer;

/// An open data folder.
#[derive(Clone)]
pub struct Embedded(Arc<Inner>);

struct Inner {
    writer: Writer,
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
        let folder = Folder::lock(path)?;
        let connection = schema::open(folder.database(), !folder.is_used())?;
        folder.mark_used().map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
        let readers = Readers::new(folder.database());
        let writer = Writer::start(connection);
        let mail = tokio::sync::Notify::new();
        Ok(Self(Arc::new(Inner { writer, readers, log_limits, idempotency, mail, _folder: folder })))
    }

    pub fn ports(&self) -> Ports {
        let adapter = Arc::new(self.clone());
        Ports { channels: adapter.clone(), players: adapter.clone(), nodes: adapter.clone(), inbox: adapter }
    }

    /// Whether the store takes writes.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.writer.write(|_| Ok::<_, error::Failure<StoreError>>(())).await
    }
}
