//! What tests need: a socket that records, a plain framing, chance that can be repeated, the `Sessions` port in memory,
//! and the contract suite of every port.

pub mod contract;
mod dice;
pub mod memory_sessions;
mod wire;

pub use dice::Dice;
pub use memory_sessions::MemorySessions;
pub use wire::{RecordingWire, plain_framing};
