//! The Redis adapters on real servers: the written contract of each port, and what a lost link or server must not do.

mod access;
mod cluster;
mod contract;
mod epochs;
mod histories;
mod inbox;
mod mailbox;
mod players;
mod sessions;
pub(crate) mod store;
mod threads;
