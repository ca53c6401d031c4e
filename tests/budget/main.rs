//! What a delivered message and an idle player may cost, whatever the speed of the machine: `cargo test --test budget`.
//!
//! Allocations, bytes of heap and resident bytes are counted, never time. `budgets.rs` says what is allowed and was
//! measured. A target of its own, because it counts with the allocator of its whole process.

mod budgets;
mod delivery;
mod heap;
mod idle;
mod players;
mod resident;
#[path = "../bench/server.rs"]
mod server;
mod stage;

/// Counts while a [`heap::Heap`] watches.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;
