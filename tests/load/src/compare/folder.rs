//! The folder of a comparison: removed at its end, also when that comes by a signal.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// What a shell says of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Removed when this is dropped.
pub(super) struct Folder(TempDir);

impl Folder {
    /// # Errors
    /// There is no room for it, or signals cannot be heard of.
    pub(super) fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("guildhall-bench-")?;
        let path = folder.path().to_owned();
        thread::Builder::new().name("signals".to_owned()).spawn(|| end_by_signal(path))?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Servers and tools end with this process: they are on its leash.
fn end_by_signal(folder: PathBuf) -> Result<()> {
    Builder::new_current_thread().enable_io().build()?.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        let _ = fs::remove_dir_all(folder);
        std::process::exit(INTERRUPTED)
    })
}
