//! The fan-out: one per worker thread, from a channel's events into the outboxes of that thread's members.
//!
//! The hot path of the server. An event is encoded once; a recipient costs a reference count, two look-ups of block
//! lists that are usually empty, and its share of a write. No actor hop, no allocation and no JSON per recipient. What
//! comes while a delivery waits for its turn goes along: the busier a thread is, the more events share a write.

mod actor;
mod batch;
mod encoded;
mod listeners;

pub use actor::{Adopt, Attach, Count, Deliver, Fanout, Start, WorkerId};
pub use batch::Batch;
pub use encoded::Encoded;
pub use listeners::{Detached, Listener, Listeners};

#[cfg(test)]
mod tests;
