//! Connections that read beside the writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use guildhall_actors::ports::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::Failure;
use super::schema;

/// Reads at once, each with a connection of its own. More would only wait for a processor, each with its memory.
const AT_ONCE: usize = 8;

/// See the module's text.
pub(super) struct Readers {
    database: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(database: &Path) -> Self {
        Self { database: database.to_owned(), idle: Arc::default(), free: Arc::new(Semaphore::new(AT_ONCE)) }
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
        let stopped = || StoreError("the reader has stopped".into());
        let permit = self.free.clone().acquire_owned().await.map_err(|_| stopped())?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = read(&database, &idle, query);
            drop(permit);
            result
        });
        reading.await.map_err(|_| stopped())?.map_err(Failure::into_error)
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
    idle.lock().push(connection);
    result
}
