//! The game backend without a network.
//!
//! ```text
//!  edges (the server crate) ──▶ backend: registries and stories
//!                                 ├─▶ connection::PlayerConnection   one per socket, on the socket's thread
//!                                 ├─▶ channel::ChatChannel           one per channel that is in use on this node
//!                                 │      └─▶ fanout::Fanout          one per worker thread ─▶ outbox::Outbox
//!                                 ├─▶ session::GameSession           one per session that is called, on each thread
//!                                 └─▶ ports: Channels, Players, Sessions, … ─▶ adapters (the server crate)
//! ```
//!
//! Rules decide (`connection/rules.rs`, `channel/rules.rs`, `session/rules.rs`): pure functions that are handed `now`.
//! Actors own state and time, ports reach out. Nothing here opens sockets, speaks HTTP or knows a database.

pub mod backend;
pub mod channel;
pub mod clock;
pub mod close;
pub mod connection;
pub mod event;
pub mod fanout;
pub mod generations;
pub mod ids;
pub mod limits;
pub mod login_key;
pub mod metrics;
pub mod outbox;
pub mod packet;
pub mod ports;
pub mod rate;
pub mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
