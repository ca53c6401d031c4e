//! What the game counts and measures. The server names it to Prometheus, from one table; without a recorder, as in
//! tests, all of it does nothing.
//!
//! A handle is made once and kept: counting is an atomic addition, without a look-up and without a label to format.
//! Labels are closed lists, so that no player, channel or key can ever become one.

mod family;
mod labels;
mod meters;
pub mod names;

pub use family::{Family, Label, Labels};
pub use labels::{
    CommitOutcome, CrashedActor, End, EventKind, LoginKind, LoginOutcome, RateLimit, StoreOperation, StorePort,
};
pub use meters::{Live, Meters, meters};
pub(crate) use meters::{add_sent, tell_sent};
