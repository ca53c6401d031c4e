//! The written contract of each port, clause by clause, for every adapter to be held to.
//!
//! A clause is a sentence of a port's documentation and the test of it. Clauses share one store: each works in a game
//! of its own and hands out the time itself, so they may run in any order. [`check`] runs them all and names those
//! that do not hold. What an adapter adds to the contract (a reopened folder, a lost link) is its own tests' affair.
//!
//! The adapter is opened with the default [`LogLimits`] and [`ChatLimits::idempotency`].

mod channels;
mod inbox;
mod nodes;
mod players;
mod sessions;

use std::any::type_name;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub use channels::channels;
pub use inbox::inbox;
pub use nodes::nodes;
pub use players::players;
pub use sessions::sessions;

use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::ids::GameId;
#[cfg(doc)]
use crate::limits::{ChatLimits, LogLimits};

/// When every clause begins. Far from zero, so that limits can be taken off it.
const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// The smallest step of a [`Timestamp`].
const TICK: Duration = Duration::from_millis(1);
/// A clause that takes longer hangs: something it waits for never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One sentence of a contract.
pub struct Clause {
    pub name: &'static str,
    run: Box<Run>,
}

type Run = dyn for<'a> Fn(&'a Ports, GameId) -> LocalBoxFuture<'a, ()>;

/// A clause is named like its function.
fn clause<F>(holds: F) -> Clause
where
    F: AsyncFn(&Ports, GameId) + Copy + 'static,
{
    let path = type_name::<F>();
    let name = path.rsplit("::").next().unwrap_or(path);
    Clause { name, run: Box::new(move |ports, game| async move { holds(ports, game).await }.boxed_local()) }
}

/// Runs every clause on a store, in games whose names begin with `prefix`.
///
/// # Panics
/// When a clause does not hold, with the names of all that do not.
pub async fn check(clauses: &[Clause], ports: &Ports, prefix: &str) {
    let mut broken = Vec::new();
    for clause in clauses {
        let game = GameId::new(&format!("{prefix}{}", clause.name));
        let run = AssertUnwindSafe((clause.run)(ports, game)).catch_unwind();
        match tokio::time::timeout(PATIENCE, run).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => broken.push(clause.name.to_owned()),
            Err(_) => broken.push(format!("{} (hung)", clause.name)),
        }
    }
    assert!(broken.is_empty(), "{} of {} clauses do not hold: {broken:#?}", broken.len(), clauses.len());
}
