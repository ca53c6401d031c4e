//! Connections that read beside the writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use guildhall_actors::ports::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;

use super::error::Failure;
use super::schema;

/// Idle connections kept for later; more are opened when needed and closed afterwards.
const KEPT: usize = 8;

/// See the module's text.
pub(super) struct Readers {
    database: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(database: &Path) -> Self {
        Self { database: database.to_owned(), idle: Arc::default() }
    }

    /// Reads one consistent state: the newest commit. Runs on a thread that may block.
    pub(super) async fn read<T, E>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Failure<E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (database, idle) = (self.database.clone(), self.idle.clone());
        let reading = tokio::task::spawn_blocking(move || read(&database, &idle, query));
        let stopped = |_| StoreError("the reader has stopped".into());
        reading.await.map_err(stopped)?.map_err(Failure::into_error)
    }
}

fn read<T, E>(
    database: &Path,
    idle: &Mutex<Vec<Connection>>,
    query: impl FnOnce(&Connection) -> Result<T, Failure<E>>,
) -> Result<T, Failure<E>> {
    let kept = idle.lock().pop();
    let mut connection = match kept {
        Some(connection) => connection,
        None => schema::open_reader(database)?,
    };
    let transaction = connection.transaction()?;
    let result = query(&transaction);
    transaction.finish()?;
    let mut idle = idle.lock();
    if idle.len() < KEPT {
        idle.push(connection);
    }
    result
}
