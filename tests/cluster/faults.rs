//! What breaks in production, one after the other, and nothing that was acknowledged is lost.
//!
//! `cargo test --release --test blackbox cluster::faults::table -- --ignored --nocapture` runs every fault in its long
//! form, with 500 players in 50 channels, and prints a row for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use tokio::time::sleep;

use super::damage::{HEALED, LEASES_LOST, LOG_READS, RECOVERED, RENEWAL_FAILURES, RESUBSCRIPTIONS, STORE_ERRORS};
use super::run::{LEASE_SEC, Outcome, Run, Scale};
use crate::support::channel_log;
use crate::support::cluster::Store;
use crate::support::proxy::Mode;
use crate::support::redis::{RedisCluster, RedisSentinel, RedisServer};
use crate::support::{Node, eventually};

const SHORT: Scale = Scale { players: 40, channels: 5, pause: Duration::from_millis(500) };
const LONG: Scale = Scale { players: 500, channels: 50, pause: Duration::from_secs(5) };

/// Longer than a lease and the looks around it.
const PAST_LEASE: Duration = Duration::from_secs(LEASE_SEC * 3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    OfOneNode,
    OfAll,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Nothing,
    KillNode,
    RollingRestart,
    FreezeNode,
    RestartRedis,
    KillRedisConnections,
    KillRedisSubscriptions,
    PauseRedis,
    Cut(Links, u64),
    BlackHoleSubscriptions(Links),
    SentinelFailOver,
    KillSentinelMaster,
    ClusterFailOver,
    KillClusterMaster,
}

impl Fault {
    const ALL: [Self; 20] = [
        Self::Nothing,
        Self::KillNode,
        Self::RollingRestart,
        Self::FreezeNode,
        Self::RestartRedis,
        Self::KillRedisConnections,
        Self::KillRedisSubscriptions,
        Self::PauseRedis,
        Self::Cut(Links::OfOneNode, 1),
        Self::Cut(Links::OfOneNode, 10),
        Self::Cut(Links::OfOneNode, 40),
        Self::Cut(Links::OfAll, 1),
        Self::Cut(Links::OfAll, 10),
        Self::Cut(Links::OfAll, 40),
        Self::BlackHoleSubscriptions(Links::OfOneNode),
        Self::BlackHoleSubscriptions(Links::OfAll),
        Self::SentinelFailOver,
        Self::KillSentinelMaster,
        Self::ClusterFailOver,
        Self::KillClusterMaster,
    ];

    async fn store(self) -> Store {
        match self {
            Self::Cut(..) | Self::BlackHoleSubscriptions(_) => Store::Linked(RedisServer::start().await),
            Self::SentinelFailOver | Self::KillSentinelMaster => Store::Sentinel(RedisSentinel::start().await),
            Self::ClusterFailOver | Self::KillClusterMaster => Store::Cluster(RedisCluster::start().await),
            _ => Store::Single(RedisServer::start().await),
        }
    }

    /// Nodes that others must take for dead, each of them once.
    fn dead(self) -> u64 {
        match self {
            Self::KillNode | Self::FreezeNode => 1,
            Self::Cut(Links::OfOneNode, seconds) => u64::from(seconds > 2 * LEASE_SEC),
            _ => 0,
        }
    }

    /// What must have grown by how much, or nothing was shown.
    fn bites(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Nothing | Self::KillNode | Self::RollingRestart => &[],
            Self::FreezeNode => &[(LEASES_LOST, 1), (HEALED, 1)],
            Self::RestartRedis => &[(RESUBSCRIPTIONS, 3), (STORE_ERRORS, 1)],
            Self::KillRedisConnections | Self::KillRedisSubscriptions => &[(RESUBSCRIPTIONS, 3)],
            Self::PauseRedis => &[(STORE_ERRORS, 1), (RENEWAL_FAILURES, 3)],
            Self::Cut(Links::OfOneNode, _) if self.dead() == 1 => {
                &[(RESUBSCRIPTIONS, 1), (LEASES_LOST, 1), (HEALED, 1)]
            }
            Self::Cut(Links::OfOneNode, _) => &[(RESUBSCRIPTIONS, 1), (STORE_ERRORS, 1)],
            Self::Cut(Links::OfAll, _) => &[(RESUBSCRIPTIONS, 3), (STORE_ERRORS, 3)],
            Self::BlackHoleSubscriptions(Links::OfOneNode) => &[(RESUBSCRIPTIONS, 1), (HEALED, 1)],
            Self::BlackHoleSubscriptions(Links::OfAll) => &[(RESUBSCRIPTIONS, 3), (HEALED, 1)],
            Self::SentinelFailOver | Self::KillSentinelMaster => &[(LOG_READS, 3)],
            // The channels' names move to other lines, which stay.
            Self::ClusterFailOver | Self::KillClusterMaster => &[(HEALED, 1)],
        }
    }

    /// Whether the fault did its damage, and nobody was taken for dead who was not.
    fn judge(self, outcome: &mut Outcome) {
        let complaints = &mut outcome.verdict.complaints;
        for (name, least) in self.bites() {
            let grown = outcome.damage.of(name);
            if grown < *least {
                complaints.push(format!("harmless: {name} grew by {grown}, not by {least}"));
            }
        }
        let (recovered, dead) = (outcome.damage.of(RECOVERED), self.dead());
        // For a second two masters take writes, and renewals that the old one took are lost with it.
        let is_sure = !matches!(self, Self::SentinelFailOver);
        if is_sure && recovered != dead {
            complaints.push(format!("recovery: {recovered} nodes were taken for dead, not {dead}"));
        }
        let is_leaving = matches!(self, Self::KillNode | Self::RollingRestart);
        if is_leaving && outcome.verdict.reconnects == 0 {
            complaints.push("harmless: nobody had to reconnect".to_owned());
        }
    }

    /// Breaks, and mends what does not mend itself.
    async fn happen(self, node: &mut Node) {
        match self {
            Self::Nothing => {}
            Self::KillNode => kill_node(node).await,
            Self::RollingRestart => rolling_restart(node).await,
            Self::FreezeNode => freeze_node(node).await,
            Self::RestartRedis => redis(node).restart().await,
            Self::KillRedisConnections => {
                for kind in ["normal", "pubsub"] {
                    let _: usize = redis(node).command(&["CLIENT", "KILL", "TYPE", kind]).await;
                }
            }
            Self::KillRedisSubscriptions => {
                let _: usize = redis(node).command(&["CLIENT", "KILL", "TYPE", "pubsub"]).await;
            }
            Self::PauseRedis => {
                let _: String = redis(node).command(&["CLIENT", "PAUSE", "5000", "ALL"]).await;
            }
            Self::Cut(links, seconds) => cut(node, links, Duration::from_secs(seconds)).await,
            Self::BlackHoleSubscriptions(links) => black_hole_subscriptions(node, links).await,
            Self::SentinelFailOver | Self::KillSentinelMaster => self.sentinel(node).await,
            Self::ClusterFailOver | Self::KillClusterMaster => self.cluster(node).await,
        }
    }

    async fn sentinel(self, node: &mut Node) {
        let Store::Sentinel(group) = &mut node.cluster().store else { panic!("the store has sentinels") };
        let lines = beats(&group.servers[group.master().await]).await;
        let new = match self {
            Self::KillSentinelMaster => group.kill_master().await,
            _ => group.fail_over().await,
        };
        // Until the nodes have moved, nothing has happened to them: the old master goes on until it is told.
        let moved = async || (beats(&group.servers[new]).await == lines).then_some(());
        eventually("every line leads to the new master", moved).await;
    }

    async fn cluster(self, node: &mut Node) {
        let store = &mut node.cluster().store;
        assert!(store.holds(BUSIEST).await, "the channel is where the fault strikes");
        let Store::Cluster(cluster) = store else { panic!("the store is a cluster") };
        let key = channel_log::key(BUSIEST);
        match self {
            Self::KillClusterMaster => cluster.kill_master_of(&key).await,
            _ => cluster.fail_over(&key).await,
        };
    }
}

/// The channel that gets most of the notices.
const BUSIEST: &str = "open:0";

/// How many lines of nodes hear a server.
async fn beats(server: &RedisServer) -> usize {
    let heard = server.try_command::<Vec<String>>(&["PUBSUB", "SHARDCHANNELS", "guildhall:{beat:*"]).await;
    heard.unwrap_or_default().len()
}

fn redis(node: &mut Node) -> &mut RedisServer {
    match &mut node.cluster().store {
        Store::Single(server) | Store::Linked(server) => server,
        Store::Sentinel(_) | Store::Cluster(_) => panic!("the store is one server"),
    }
}

async fn kill_node(node: &mut Node) {
    let cluster = node.cluster();
    cluster.nodes[0].kill();
    sleep(PAST_LEASE).await;
    cluster.nodes[0].restart().await;
    cluster.balancer.all_up().await;
}

async fn rolling_restart(node: &mut Node) {
    let cluster = node.cluster();
    for node in &mut cluster.nodes {
        node.stop().await;
        node.restart().await;
        cluster.balancer.all_up().await;
    }
}

async fn freeze_node(node: &mut Node) {
    let frozen = &node.cluster().nodes[0];
    frozen.signal("STOP");
    sleep(PAST_LEASE).await;
    frozen.signal("CONT");
}

async fn cut(node: &mut Node, links: Links, duration: Duration) {
    let affected = if links == Links::OfAll { 3 } else { 1 };
    let links = &node.cluster().links[..affected];
    links.iter().for_each(|link| link.set(Mode::Cut));
    sleep(duration).await;
    links.iter().for_each(|link| link.resume());
}

async fn black_hole_subscriptions(node: &mut Node, links: Links) {
    let affected = if links == Links::OfAll { 3 } else { 1 };
    let links = &node.cluster().links[..affected];
    links.iter().for_each(|link| link.set_subscriptions(Mode::BlackHole));
    sleep(PAST_LEASE).await;
    links.iter().for_each(|link| link.resume());
}

async fn run(fault: Fault, scale: Scale) -> Outcome {
    let run = Run::gather(fault.store().await, scale).await;
    let mut outcome = run.through(async |node| fault.happen(node).await).await;
    fault.judge(&mut outcome);
    outcome
}

/// Runs a fault in its short form; nothing may be wrong.
async fn survive(fault: Fault) {
    let verdict = run(fault, SHORT).await.verdict;
    assert!(verdict.acknowledged > 0 && verdict.delivered > verdict.acknowledged, "{verdict:?}");
    assert!(verdict.is_good(), "{} complaints: {:#?}", verdict.complaints.len(), &verdict.complaints);
}

#[tokio::test]
async fn without_a_fault_every_message_arrives_once_in_one_order() {
    survive(Fault::Nothing).await;
}

#[tokio::test]
async fn a_killed_node_loses_nothing() {
    survive(Fault::KillNode).await;
}

#[tokio::test]
async fn a_rolling_restart_loses_nothing() {
    survive(Fault::RollingRestart).await;
}

#[tokio::test]
async fn a_node_that_was_frozen_past_its_lease_leaves_no_second_login() {
    survive(Fault::FreezeNode).await;
}

#[tokio::test]
async fn a_restart_of_redis_loses_nothing() {
    survive(Fault::RestartRedis).await;
}

#[tokio::test]
async fn killed_connections_to_redis_lose_nothing() {
    survive(Fault::KillRedisConnections).await;
}

#[tokio::test]
async fn killed_subscriptions_are_healed_from_the_log() {
    survive(Fault::KillRedisSubscriptions).await;
}

#[tokio::test]
async fn a_pause_of_redis_loses_nothing() {
    survive(Fault::PauseRedis).await;
}

#[tokio::test]
async fn a_link_of_one_node_that_is_cut_past_the_lease_loses_nothing() {
    survive(Fault::Cut(Links::OfOneNode, PAST_LEASE.as_secs())).await;
}

#[tokio::test]
async fn links_of_all_nodes_that_are_cut_for_a_second_lose_nothing() {
    survive(Fault::Cut(Links::OfAll, 1)).await;
}

#[tokio::test]
async fn a_deaf_subscription_is_noticed_and_healed() {
    survive(Fault::BlackHoleSubscriptions(Links::OfOneNode)).await;
}

#[tokio::test]
async fn a_failover_that_sentinels_were_told_to_make_loses_nothing() {
    survive(Fault::SentinelFailOver).await;
}

#[tokio::test]
async fn a_failover_of_a_cluster_master_loses_nothing() {
    survive(Fault::ClusterFailOver).await;
}

/// Prints a row for every fault; fails after the last of them when one was not survived.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the long form: half an hour"]
async fn table() {
    let head = "fault | acknowledged | delivered | lost | lost by the store | duplicates | disorders | ghosts | \
                second sockets | reconnects | unanswered | leases lost | nodes recovered | resubscriptions | log reads | \
                events healed | fault s | ready after s";
    let mut out = std::io::stderr();
    let _ = writeln!(out, "| {head} |\n|{}", "---|".repeat(18));
    let mut complaints = String::new();
    let wanted = std::env::var("GUILDHALL_FAULT").unwrap_or_default();
    for fault in Fault::ALL.into_iter().filter(|fault| format!("{fault:?}").contains(&wanted)) {
        let outcome = run(fault, LONG).await;
        let _ = writeln!(out, "| {fault:?} | {outcome} |");
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        let mut few = |complaint: &str| {
            let count = kinds.entry(complaint.chars().take_while(|letter| *letter != ':').collect()).or_default();
            *count += 1;
            *count <= 3
        };
        for complaint in outcome.verdict.complaints.iter().filter(|complaint| few(complaint)) {
            let _ = writeln!(out, "{fault:?}: {complaint}");
            let _ = writeln!(complaints, "{fault:?}: {complaint}");
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}
