//! The way from memory to the disk: the step that writes everything ahead, and the thread that sees to it when no
//! caller does.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use guildhall_actors::metrics::{StoreOperation, StorePort};
use guildhall_actors::ports::StoreError;
use tracing::error;

use super::memory::Memory;
use super::rows;
use crate::adapters::embedded::error::Failure;
use crate::adapters::embedded::measured::note;
use crate::adapters::embedded::writer::{Transaction, Writer};

/// Writes everything ahead of the disk, all or nothing. With an epoch: fails when anything was forgotten since.
pub(super) fn flush(
    memory: &Memory,
    epoch: Option<u64>,
    transaction: &Transaction<'_>,
) -> Result<(), Failure<StoreError>> {
    let batch = memory.hand_over(epoch).map_err(Failure::Refused)?;
    let unwritten = Unwritten(memory);
    rows::write(transaction.sql, &batch)?;
    std::mem::forget(unwritten);
    Ok(())
}

/// Something handed over, unless it is forgotten in the end: also when the step panics.
pub(super) struct Unwritten<'a>(pub(super) &'a Memory);

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        self.0.doom();
    }
}

/// Flushes what no caller waits for, soon after it was changed, and what is left at the end. Dropped before the
/// writer.
pub(in crate::adapters::embedded) struct Flusher {
    memory: Arc<Memory>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    pub(in crate::adapters::embedded) fn start(memory: Arc<Memory>, writer: Arc<Writer>) -> Self {
        let flushed = memory.clone();
        let thread = std::thread::Builder::new()
            .name("store-flusher".into())
            .spawn(move || run(&flushed, &writer))
            .expect("the system starts one more thread");
        Self { memory, thread: Some(thread) }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.memory.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            error!("the store's flusher had crashed");
        }
    }
}

fn run(memory: &Arc<Memory>, writer: &Writer) {
    loop {
        let goes_on = memory.wait_for_changes();
        // Callers that wait have flushed in the meantime.
        if memory.is_ahead() {
            let flushed = memory.clone();
            let started = Instant::now();
            let written = writer.write_blocking(move |transaction| flush(&flushed, None, transaction));
            note(StorePort::Sessions, StoreOperation::Write, started, &written);
            if let Err(error) = written {
                error!(%error, "documents could not be written");
            }
        }
        if !goes_on {
            return;
        }
    }
}
