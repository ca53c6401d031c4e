//! What tests need: a socket that records, a plain framing, and the contract suite of every port.

pub mod contract;
mod wire;

pub use wire::{RecordingWire, plain_framing};
