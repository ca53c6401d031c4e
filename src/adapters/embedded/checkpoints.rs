//! The thread that copies the write-ahead log to the database, beside the writer.
//!
//! The copy and its fsyncs take as long as dozens of commits, so they run while the writer goes on. What is left, a few
//! frames, is copied while the writer waits for its turn; its next commit then begins the log anew. Readers never wait:
//! while one of them needs the log, it grows, and the thread tries again later. Losing the thread loses no data.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;
use tracing::error;

use super::schema;

/// Frames, of one page each, after which the log is copied, 32 MiB: a page that changes with every message is copied
/// once for thousands of them.
pub(super) const BOUND: i64 = 8192;
/// Commits between two looks at the length of the log. Most change a few pages: they are far less than the bound.
const COMMITS: u32 = 16;
/// Copies beside the writer before it has to wait for the rest. Each leaves what was committed during the last one.
const PASSES: usize = 4;
/// How long the writer waits for readers when the log is twice as long as it should be; longer than reads take.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the writer knows of the thread, which ends when this is dropped. To be dropped before the writer's connection:
/// the last one to close copies the rest.
pub(super) struct Checkpoints {
    pokes: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    turn: Arc<Mutex<()>>,
    commits: u32,
}

impl Checkpoints {
    /// `file` is the database. It must stay open for longer than any connection: closing it gives up their locks.
    pub(super) fn start(database: &Path, file: Arc<File>, bound: i64) -> rusqlite::Result<Self> {
        let turn = Arc::new(Mutex::new(()));
        let connection = schema::open_beside(database)?;
        let mut log = Log { connection, file, turn: turn.clone(), bound, due: bound };
        let (pokes, poked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || log.run(&poked))
            .expect("the system starts one more thread");
        Ok(Self { pokes: Some(pokes), thread: Some(thread), turn, commits: 0 })
    }

    /// To be held during a transaction. The database's own lock would do, but who waits for that one sleeps and tries
    /// again: a busy writer would hardly ever let the thread have it.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// Has the thread look at the log now and then.
    pub(super) fn on_commit(&mut self) {
        self.commits += 1;
        if self.commits >= COMMITS {
            self.commits = 0;
            // One that is poked already will see this commit as well.
            let _ = self.pokes.as_ref().expect("taken at drop only").try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.pokes = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the store's checkpoint thread had crashed");
        }
    }
}

struct Log {
    connection: Connection,
    file: Arc<File>,
    turn: Arc<Mutex<()>>,
    /// In frames.
    bound: i64,
    /// The length in frames at which to try (again).
    due: i64,
}

/// What a checkpoint answers, in frames.
struct Progress {
    blocked: bool,
    length: i64,
    copied: i64,
}

impl Log {
    fn run(&mut self, poked: &Receiver<()>) {
        while poked.recv().is_ok() {
            if let Err(error) = self.look() {
                error!(%error, "checkpoint failed, the log grows until one succeeds");
            }
        }
    }

    fn look(&mut self) -> Result<(), Failure> {
        let length = self.checkpoint("NOOP")?.length;
        if length < self.bound {
            self.due = self.bound;
        }
        if length < self.due {
            return Ok(());
        }
        // Whatever comes of this try: with a reader that stays or a disk that fails, the next one is not at once.
        self.due = length + length / 8;
        let urgent = length >= 2 * self.bound;
        let left = self.copy_beside()?;
        if (urgent || left <= self.few()) && self.restart(urgent)? {
            self.due = self.bound;
        }
        Ok(())
    }

    /// What the writer may wait for: 2 MiB of the usual bound, which the system takes in about a millisecond.
    fn few(&self) -> i64 {
        self.bound / 16
    }

    /// Copies while the writer goes on; returns the number of frames that are left.
    fn copy_beside(&self) -> Result<i64, Failure> {
        let mut left = i64::MAX;
        for _ in 0..PASSES {
            let progress = self.checkpoint("PASSIVE")?;
            if progress.blocked {
                return Ok(left);
            }
            // A checkpoint during which something is committed leaves the fsync of all it copied to the one that
            // copies the last frame, and for that one the writer waits.
            self.file.sync_data()?;
            let before = std::mem::replace(&mut left, progress.length - progress.copied);
            // Without progress a reader is in the way.
            if left <= self.few() || left >= before {
                break;
            }
        }
        Ok(left)
    }

    /// Copies the rest while the writer waits, and has its next commit begin the log anew. Says whether it will.
    fn restart(&self, urgent: bool) -> Result<bool, Failure> {
        self.connection.busy_timeout(if urgent { PATIENCE } else { Duration::ZERO })?;
        let _turn = self.turn.lock();
        Ok(!self.checkpoint("RESTART")?.blocked)
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<Progress> {
        self.connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(Progress { blocked: row.get(0)?, length: row.get(1)?, copied: row.get(2)? })
        })
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Sync(#[from] std::io::Error),
}
