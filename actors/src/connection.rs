//! A player's connection: who is on the socket, and how it behaves.
//!
//! `PlayerConnection` is an actor on the thread of its socket. The socket's edge hands it one text message at a time
//! and waits, so that TCP pushes back on a client that floods. `rules` decides what a request leads to from what has
//! happened before; `actor` carries it out through the ports and the channels, and ends the login, exactly once,
//! however the socket ends.

mod actor;
mod login;
mod messages;
mod news;
mod reclaim;
mod rules;
mod unheard;

pub use actor::PlayerConnection;
pub use messages::{Incoming, Kick, Lost, Note, Reclaim, ShutDown};
