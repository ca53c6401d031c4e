//! `Sessions` on Redis, beyond its contract.

mod crashes;
mod history;
mod node;
