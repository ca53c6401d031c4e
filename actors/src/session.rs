//! A game session: play that a cafe pays for.
//!
//! `documents` are what is kept of a cafe, `rules` what follows from them. A rule decides from what it has read and
//! names what it has not; `transact` reads, has it decide, and commits, again and again until nothing has changed in
//! between. `GameSession` is the actor of one session on one thread: it remembers the documents, so that a warm
//! heartbeat asks the store for nothing but the commit. Several threads and nodes may each have one for the same
//! session; the versions of the documents keep the truth one.

mod actor;
mod decision;
mod documents;
mod messages;
mod registry;
pub mod rules;
#[cfg(test)]
mod tests;
mod transact;

pub use actor::GameSession;
pub use decision::{Decision, Need, SessionEnd, View};
pub use documents::*;
pub use messages::*;
pub use registry::GameSessions;
pub use transact::{Memory, Transactor};
