//! The switch: which deployment every black-box test runs against.
//!
//! `GUILDHALL_TEST_DEPLOYMENT=cluster cargo test --test blackbox` runs the same tests against three nodes that share a
//! Redis server, with every request going through HAProxy to the next of them. Without it a node stands alone on its
//! embedded store. Tests that are about one process or its data folder say so with [`embedded_only!`].

use std::env;
use std::io::Write;

/// Whether a [`super::Node`] is three nodes on Redis behind HAProxy.
pub(crate) fn is_cluster() -> bool {
    match env::var("GUILDHALL_TEST_DEPLOYMENT").as_deref() {
        Err(_) | Ok("" | "embedded") => false,
        Ok("cluster") => true,
        Ok(other) => panic!("GUILDHALL_TEST_DEPLOYMENT={other}: embedded and cluster are known"),
    }
}

/// Whether the test that asks is skipped; it says so where the test runner does not hide it.
pub(crate) fn skips(why: &str) -> bool {
    if is_cluster() {
        let thread = std::thread::current(); // the runner names it after the test
        let _ = writeln!(std::io::stderr(), "skipped {}: {why}", thread.name().unwrap_or("a test"));
    }
    is_cluster()
}

/// Ends a test here when the deployment is a cluster, with the reason why only one embedded node can show it.
macro_rules! embedded_only {
    ($why:literal) => {
        if $crate::support::deployment::skips($why) {
            return;
        }
    };
}

pub(crate) use embedded_only;
