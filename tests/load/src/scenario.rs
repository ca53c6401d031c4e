//! One module for each subcommand: what its players do, and what is measured of it.

pub(crate) mod chat;
mod course;
