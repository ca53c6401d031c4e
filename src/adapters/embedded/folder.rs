//! The data folder: private to its user, and to one process at a time.
//!
//! The lock file also says, by not being empty, that the folder has had a database: one that is missing or empty
//! then is a loss, not a beginning.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::OpenError;

const DATABASE: &str = "guildhall.db";

/// A locked data folder. The lock goes with the process, however it ends.
pub(super) struct Folder {
    database: PathBuf,
    file: Arc<File>,
    lock: File,
}

impl Folder {
    pub(super) fn lock(path: &Path) -> Result<Self, OpenError> {
        let io_error = |error| OpenError::Io { path: path.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io_error)?;
        let lock = private_file(&path.join("lock")).map_err(io_error)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(io_error(error)),
        }
        let database = path.join(DATABASE);
        refuse_orphaned_log(path, &database)?;
        let file = Arc::new(private_file(&database).map_err(io_error)?);
        Ok(Self { database, file, lock })
    }

    /// Whether the folder has had a database.
    pub(super) fn is_used(&self) -> bool {
        self.lock.metadata().map_or(true, |lock| lock.len() > 0)
    }

    /// Remembers that the folder has a database.
    pub(super) fn mark_used(&self) -> io::Result<()> {
        if !self.is_used() {
            (&self.lock).write_all(b"This folder holds a database; see guildhall.db.\n")?;
            self.lock.sync_all()?;
        }
        Ok(())
    }

    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// The database, open for as long as the folder is: closing it gives up the locks of every connection.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }
}

/// A write-ahead log without its database holds acknowledged data that a fresh database would silently replace.
fn refuse_orphaned_log(path: &Path, database: &Path) -> Result<(), OpenError> {
    let log = database.with_extension("db-wal");
    let has_data = fs::metadata(&log).is_ok_and(|log| log.len() > 0);
    let is_missing = fs::metadata(database).map_or(true, |database| database.len() == 0);
    if has_data && is_missing {
        let detail = format!("{} is missing or empty, its log {} is not", database.display(), log.display());
        return Err(OpenError::Damaged { path: path.to_owned(), detail });
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
