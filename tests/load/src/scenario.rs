//! One module for each subcommand: what its players do, and what is measured of it. What they share is in [`course`].

pub(crate) mod chat;
mod course;
pub(crate) mod heartbeat;
pub(crate) mod idle;
pub(crate) mod login;
pub(crate) mod publish;
pub(crate) mod reconnect;
