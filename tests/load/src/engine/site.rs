//! The server under load, as the players know it, and the channels on it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

use crate::login_key::Signer;
use crate::options::Target;
use crate::wire::dialect::Dialect;
use crate::wire::packet::Packets;

/// Players of one source address: fewer than the kernel has ports for it (`net.ipv4.ip_local_port_range`).
const PLAYERS_PER_SOURCE: i64 = 20_000;

/// The server, and what its players need to get in.
pub(crate) struct Site {
    /// At least one.
    nodes: Vec<Node>,
    pub(crate) certification_key: String,
    pub(crate) game_index: u32,
    pub(crate) signer: Signer,
    pub(crate) dialect: Dialect,
    pub(crate) packets: Packets,
    first_player: i64,
    pub(crate) channels: Vec<Channel>,
}

/// A node of the server.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    /// For the `Host` header.
    pub(crate) host: String,
}

/// A channel, and how much of its traffic is under way. Threads share these figures.
pub(crate) struct Channel {
    pub(crate) name: String,
    members: AtomicU64,
    published: AtomicU64,
    delivered: AtomicU64,
}

impl Site {
    pub(crate) fn new(target: &Target, channels: Vec<String>) -> Result<Self> {
        Ok(Self {
            nodes: target.urls.iter().map(|url| Node::new(url)).collect::<Result<_>>()?,
            certification_key: target.certification_key.clone(),
            game_index: target.game_index,
            signer: Signer::new(target.game_index, &target.login_key_secret),
            dialect: target.dialect,
            packets: Packets { game_index: target.game_index },
            first_player: target.first_player,
            channels: channels.into_iter().map(Channel::new).collect(),
        })
    }

    /// The node of a player.
    pub(crate) fn node(&self, player: i64) -> &Node {
        let number = usize::try_from(player - self.first_player).unwrap_or_default();
        &self.nodes[number % self.nodes.len()]
    }

    /// The node for what is no player's.
    pub(crate) fn first_node(&self) -> &Node {
        &self.nodes[0]
    }

    /// Where a player's connections come from: the system's choice, or, when one address has no ports left for all of
    /// them, further addresses of the loopback network.
    pub(crate) fn source(&self, player: i64) -> Option<SocketAddr> {
        let nth = u32::try_from((player - self.first_player) / PLAYERS_PER_SOURCE).ok().filter(|nth| *nth > 0)?;
        let source = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + nth);
        self.node(player).address.ip().is_loopback().then(|| SocketAddr::new(IpAddr::V4(source), 0))
    }
}

impl Node {
    fn new(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").with_context(|| format!("{url}: not an http:// URL"))?;
        let host = host.trim_end_matches('/').to_owned();
        let address = host.to_socket_addrs().with_context(|| host.clone())?.next().context("no such address")?;
        Ok(Self { address, host })
    }
}

impl Channel {
    fn new(name: String) -> Self {
        let [members, published, delivered] = [0; 3].map(AtomicU64::new);
        Self { name, members, published, delivered }
    }

    pub(crate) fn entered(&self) {
        self.members.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn left(&self) {
        self.members.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn members(&self) -> u64 {
        self.members.load(Ordering::Relaxed)
    }

    pub(crate) fn published(&self) {
        self.published.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self, times: u64) {
        self.delivered.fetch_add(times, Ordering::Relaxed);
    }

    /// Whether fewer than `window` messages are on their way to the members. Several threads may find so at once; then
    /// there are a few more under way.
    pub(crate) fn has_room(&self, window: u32) -> bool {
        let members = self.members();
        let wanted = self.published.load(Ordering::Relaxed) * members;
        let missing = wanted.saturating_sub(self.delivered.load(Ordering::Relaxed));
        members > 0 && missing + members <= u64::from(window) * members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_room_until_so_many_messages_are_under_way() {
        let channel = Channel::new("lobby".to_owned());
        assert!(!channel.has_room(1), "nobody is there");
        (0..10).for_each(|_| channel.entered());
        for _ in 0..2 {
            assert!(channel.has_room(2));
            channel.published();
        }
        assert!(!channel.has_room(2));
        channel.delivered(9);
        assert!(!channel.has_room(2), "one member still waits for the first");
        channel.delivered(1);
        assert!(channel.has_room(2));
    }

    #[test]
    fn players_take_nodes_in_turn_and_further_addresses_when_ports_run_out() {
        let target = Target {
            urls: ["http://127.0.0.1:7600/", "http://127.0.0.1:7700"].map(str::to_owned).to_vec(),
            game_index: 1,
            dialect: Dialect::Plain,
            login_key_secret: String::new(),
            certification_key: String::new(),
            first_player: 100,
        };
        let site = Site::new(&target, Vec::new()).expect("an address");
        assert_eq!(
            [100, 101, 102].map(|player| site.node(player).host.as_str()),
            ["127.0.0.1:7600", "127.0.0.1:7700", "127.0.0.1:7600"]
        );
        let source = |player| site.source(player).map(|source| source.to_string());
        assert_eq!((source(100), source(20_099)), (None, None));
        assert_eq!((source(20_100), source(40_100)), (Some("127.0.0.2:0".into()), Some("127.0.0.3:0".into())));
    }
}
