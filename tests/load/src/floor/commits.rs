//! Raw group commits: append, `fdatasync`, answer all of the group; the next group gathers meanwhile.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// The way to the disk. Clones share it.
#[derive(Clone)]
pub(super) struct Commits(Arc<Gathering>);

struct Gathering {
    group: Mutex<Group>,
    has_begun: Condvar,
}

#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Commits {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| path.display().to_string())?;
        let gathering = Arc::new(Gathering { group: Mutex::default(), has_begun: Condvar::new() });
        let commits = Self(gathering.clone());
        thread::spawn(move || gathering.commit_for_ever(&file));
        Ok(commits)
    }

    /// Returns once `bytes` are on disk; `false` when the disk refused them.
    pub(super) async fn append(&self, bytes: &[u8]) -> bool {
        let (done, is_done) = oneshot::channel();
        {
            let mut group = self.0.group.lock();
            group.bytes.extend_from_slice(bytes);
            group.waiting.push(done);
        }
        self.0.has_begun.notify_one();
        is_done.await.is_ok()
    }
}

impl Gathering {
    fn commit_for_ever(&self, mut file: &File) {
        loop {
            let mut group = self.group.lock();
            self.has_begun.wait_while(&mut group, |group| group.waiting.is_empty());
            let Group { bytes, waiting } = std::mem::take(&mut *group);
            drop(group);
            // A failure drops the senders, and so is heard of by those who wait.
            if file.write_all(&bytes).and_then(|()| file.sync_data()).is_ok() {
                for done in waiting {
                    // Who gave up waiting needs no answer.
                    let _ = done.send(());
                }
            }
        }
    }
}
