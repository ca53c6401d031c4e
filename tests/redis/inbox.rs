//! `Inbox` on Redis, beyond its contract.

mod crashes;
