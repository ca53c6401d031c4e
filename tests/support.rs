//! What every black-box test stands on: a node in its own process, clients written independently of our code,
//! and waits that end.

pub(crate) mod answers;
pub(crate) mod arcade;
pub(crate) mod balancer;
pub(crate) mod channel_log;
pub(crate) mod checker;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod deployment;
pub(crate) mod event_stream;
pub(crate) mod eventually;
pub(crate) mod free_port;
pub(crate) mod hall;
pub(crate) mod http;
pub(crate) mod key;
pub(crate) mod node;
pub(crate) mod packages;
pub(crate) mod play;

pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod redis;
pub(crate) mod room;
pub(crate) mod scrape;
pub(crate) mod secure;
pub(crate) mod shell;
pub(crate) mod webhooks;

use std::future::Future;
use std::time::Duration;

pub(crate) use client::{Client, Packet};
pub(crate) use eventually::eventually;
pub(crate) use hall::Hall;
pub(crate) use node::Node;
pub(crate) use raw::{Frame, RawSocket};
pub(crate) use room::{ROOM, room};

/// Longest wait for anything that should happen: generous, because a loaded CI machine is slow, and never reached
/// in a test that passes.
pub(crate) const WAIT: Duration = Duration::from_secs(10);

/// Awaits `future`, and fails the test with `what` when it takes longer than [`WAIT`].
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WAIT, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {WAIT:?} in vain: {what}"),
    }
}
