//! Ports for programs that cannot choose one themselves and say which.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that the system hands out for outgoing connections: a port stays free while its server restarts.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback port that nobody listens on, and that no other call in this process gets.
pub(crate) fn free_port() -> u16 {
    let begin = (std::process::id() % u32::from(COUNT)) as u16; // other test binaries begin elsewhere
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(offset < COUNT, "every port is in use");
        // The process ids of binaries that run side by side are close: spread them.
        let port = FIRST + (u32::from(begin) * 97 + u32::from(offset)).rem_euclid(u32::from(COUNT)) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

#[test]
fn a_free_port_is_given_once() {
    let ports: std::collections::BTreeSet<_> = (0..50).map(|_| free_port()).collect();
    assert_eq!(ports.len(), 50);
}
