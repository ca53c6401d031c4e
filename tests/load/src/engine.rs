//! Many players in few threads.
//!
//! - [`crew`] is what scenarios see: threads with players in them, orders to them, and what they have seen in the end.
//! - [`worker`] is one such thread: an epoll loop over the sockets of its players. Their life is told in four files:
//!   [`arrival`] (connect, log in, enter), [`exchange`] (what they hear and say), [`talk`] (messages, at their times) and
//!   [`calls`] (HTTP beside them).
//! - [`tally`] keeps what was measured, by phases; [`sight`] shows it meanwhile; [`schedule`] knows when something is due; [`site`] is the server.
//!
//! What is sent at a rate is sent by a schedule fixed beforehand, and all latencies count from the time at which
//! something was due: a server that stalls cannot make its own latency look better by slowing its clients down.

pub(crate) mod arrival;
pub(crate) mod calls;
pub(crate) mod crew;
pub(crate) mod exchange;
pub(crate) mod player;
pub(crate) mod schedule;
pub(crate) mod sight;
pub(crate) mod site;
pub(crate) mod socket;
pub(crate) mod talk;
pub(crate) mod tally;
pub(crate) mod worker;
