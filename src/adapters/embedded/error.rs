//! What can go wrong with a data folder, and with a step in it.

use std::path::PathBuf;

use guildhall_actors::ports::StoreError;

/// Why a data folder could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("data folder {}: {error}", path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("data folder {} is in use by another process", path.display())]
    InUse { path: PathBuf },
    #[error("data folder {} is damaged: {detail}; restore it from a backup", path.display())]
    Damaged { path: PathBuf, detail: String },
    #[error("data folder {} was written by a newer version (schema {found}, this one knows {known})", path.display())]
    Newer { path: PathBuf, found: i64, known: i64 },
}

/// A step was refused by a rule, or failed in the database; either way it left nothing behind.
#[derive(Debug)]
pub(super) enum Failure<E> {
    Refused(E),
    Sql(rusqlite::Error),
    /// Stored data that cannot be read back.
    Unreadable(serde_json::Error),
    /// The step has a bug; the writer goes on without it.
    Crashed,
}

impl<E> From<rusqlite::Error> for Failure<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl<E> From<serde_json::Error> for Failure<E> {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl<E: From<StoreError>> Failure<E> {
    pub(super) fn into_error(self) -> E {
        match self {
            Self::Refused(error) => error,
            Self::Sql(error) => StoreError(error.to_string()).into(),
            Self::Crashed => StoreError("a step of the store crashed".into()).into(),
            Self::Unreadable(error) => StoreError(format!("stored data: {error}")).into(),
        }
    }
}
