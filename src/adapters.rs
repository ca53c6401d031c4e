//! The adapters: how the ports of `guildhall_actors` reach the outside.

pub mod embedded;
pub mod redis;
