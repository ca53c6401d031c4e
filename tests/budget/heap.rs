//! The heap of this process, counted.

use std::env;
use std::path::Path;

use parking_lot::Mutex;

/// Held by the test that runs: the heap is that of all of them.
static ALONE: Mutex<()> = Mutex::new(());

/// Counts what every thread allocates, as long as it lives.
pub(crate) struct Heap {
    _profiler: dhat::Profiler,
}

/// Runs a test while no other one does.
pub(crate) fn alone(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock();
    actix::System::new().block_on(test);
}

impl Heap {
    /// Begins to count. `GUILDHALL_HEAP_PROFILE` names the folder for a profile called `name`.
    pub(crate) fn watch(name: &str) -> Self {
        let builder = dhat::Profiler::builder();
        let builder = match env::var_os("GUILDHALL_HEAP_PROFILE") {
            Some(folder) => builder.file_name(Path::new(&folder).join(format!("{name}.json"))),
            None => builder.testing(),
        };
        Self { _profiler: builder.build() }
    }

    /// Blocks allocated so far, those that are free again included. A block that grows counts again.
    pub(crate) fn allocations(&self) -> u64 {
        dhat::HeapStats::get().total_blocks
    }

    /// Bytes in blocks that are not free.
    pub(crate) fn live_bytes(&self) -> usize {
        dhat::HeapStats::get().curr_bytes
    }
}
