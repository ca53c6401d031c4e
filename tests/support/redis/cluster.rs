//! A Redis Cluster: three masters and a replica of each.

use std::ops::RangeInclusive;

use futures_util::future::join_all;

use super::RedisServer;
use crate::support::eventually;
use crate::support::free_port::free_port;

const SLOTS: [RangeInclusive<u16>; MASTERS] = [0..=5460, 5461..=10922, 10923..=16383];
const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;

pub(crate) struct RedisCluster {
    /// First the masters at the start, then their replicas in the same order. Roles change; places do not.
    pub(crate) nodes: Vec<RedisServer>,
}

/// A node as it sees itself: a line of `CLUSTER NODES`.
struct View {
    id: String,
    /// Whom it replicates; a master nobody.
    master: Option<String>,
    slots: Vec<RangeInclusive<u16>>,
}

impl RedisCluster {
    /// Starts and joins the servers, and waits until each of them finds the cluster whole.
    pub(crate) async fn start() -> Self {
        let bus_ports: Vec<_> = (0..NODES).map(|_| free_port()).collect();
        let servers = bus_ports.iter().map(|bus| async move {
            let settings = format!("cluster-enabled yes\ncluster-node-timeout 1000\ncluster-port {bus}\n");
            RedisServer::start_with(&settings).await
        });
        let cluster = Self { nodes: join_all(servers).await };
        cluster.share_slots().await;
        cluster.meet(&bus_ports).await;
        cluster.replicate().await;
        cluster.whole().await;
        cluster
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// The place of the live master of a key.
    pub(crate) async fn master_of(&self, key: &str) -> usize {
        let slot = self.slot_of(key).await;
        eventually("a live master of the slot", async || self.owner(slot).await).await
    }

    /// Lets the replica take over from the live master of a key, as for an upgrade. The place of the new master.
    pub(crate) async fn fail_over(&mut self, key: &str) -> usize {
        let old = self.master_of(key).await;
        let replica = self.replica_of(old).await;
        let _: String = self.nodes[replica].command(&["CLUSTER", "FAILOVER"]).await;
        self.taken_over(key, old).await
    }

    /// SIGKILL for the master of a key. The place of the new master.
    pub(crate) async fn kill_master_of(&mut self, key: &str) -> usize {
        let old = self.master_of(key).await;
        self.nodes[old].kill();
        self.taken_over(key, old).await
    }

    /// Waits until every live node finds all slots served and every replica is in step.
    pub(crate) async fn whole(&self) {
        for node in &self.nodes {
            eventually("the cluster is whole", async || is_whole(node).await.then_some(())).await;
        }
    }

    async fn taken_over(&self, key: &str, old: usize) -> usize {
        let slot = self.slot_of(key).await;
        let new = eventually("another master takes over", async || self.owner(slot).await.filter(|new| *new != old));
        let new = new.await;
        self.whole().await;
        new
    }

    async fn slot_of(&self, key: &str) -> u16 {
        for node in &self.nodes {
            if let Ok(slot) = node.try_command(&["CLUSTER", "KEYSLOT", key]).await {
                return slot;
            }
        }
        panic!("no node of the cluster answers");
    }

    async fn owner(&self, slot: u16) -> Option<usize> {
        for (place, node) in self.nodes.iter().enumerate() {
            let view = view(node).await;
            if view.is_some_and(|view| view.slots.iter().any(|range| range.contains(&slot))) {
                return Some(place);
            }
        }
        None
    }

    async fn replica_of(&self, master: usize) -> usize {
        let master = view(&self.nodes[master]).await.expect("the master lives").id;
        for (place, node) in self.nodes.iter().enumerate() {
            if view(node).await.is_some_and(|view| view.master.as_ref() == Some(&master)) {
                return place;
            }
        }
        panic!("the master has no live replica");
    }

    async fn share_slots(&self) {
        for (node, range) in self.nodes.iter().zip(SLOTS) {
            let (first, last) = (range.start().to_string(), range.end().to_string());
            let _: String = node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await;
        }
        for (epoch, node) in (1..).zip(&self.nodes) {
            let _: String = node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &i32::to_string(&epoch)]).await;
        }
    }

    async fn meet(&self, bus_ports: &[u16]) {
        let (first, others) = self.nodes.split_first().expect("a cluster has nodes");
        for (node, bus) in others.iter().zip(&bus_ports[1..]) {
            let (port, bus) = (node.port().to_string(), bus.to_string());
            let _: String = first.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        }
    }

    async fn replicate(&self) {
        let (masters, replicas) = self.nodes.split_at(MASTERS);
        for (master, replica) in masters.iter().zip(replicas) {
            let id: String = master.command(&["CLUSTER", "MYID"]).await;
            let follow = async || replica.try_command::<String>(&["CLUSTER", "REPLICATE", &id]).await.ok();
            eventually("the replica knows its master", follow).await;
        }
    }
}

/// `None` for a node that is away.
async fn view(node: &RedisServer) -> Option<View> {
    let lines: String = node.try_command(&["CLUSTER", "NODES"]).await.ok()?;
    lines.lines().find(|line| line.contains("myself")).map(parse)
}

/// `id address flags master ping pong epoch link slots...`
fn parse(line: &str) -> View {
    let fields: Vec<_> = line.split(' ').collect();
    let slot = |text: &str| text.parse().expect("a slot is a number");
    let range = |text: &&str| match text.split_once('-') {
        Some((first, last)) => slot(first)..=slot(last),
        None => slot(text)..=slot(text),
    };
    let moving = |text: &&&str| text.starts_with('[');
    View {
        id: fields[0].to_owned(),
        master: (fields[3] != "-").then(|| fields[3].to_owned()),
        slots: fields[8..].iter().filter(|text| !moving(text)).map(range).collect(),
    }
}

/// Whether a node finds the cluster whole; one that is away has no say.
async fn is_whole(node: &RedisServer) -> bool {
    let Ok(info) = node.try_command::<String>(&["CLUSTER", "INFO"]).await else { return true };
    let Ok(replication) = node.try_command::<String>(&["INFO", "replication"]).await else { return true };
    let says = |line| info.lines().any(|known| known == line);
    says("cluster_state:ok")
        && says(&format!("cluster_known_nodes:{NODES}"))
        && !replication.contains("master_link_status:down")
}
