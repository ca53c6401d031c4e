//! Three nodes that share a Redis, behind a load balancer.

use std::net::SocketAddr;

use futures_util::future::join_all;

use super::balancer::Balancer;
use super::node::{Builder, Node};
use super::proxy::Proxy;
use super::redis::{RedisCluster, RedisSentinel, RedisServer};

/// Names of the nodes, and how many there are.
const NAMES: [&str; 3] = ["a", "b", "c"];

/// What the nodes share.
pub(crate) enum Store {
    Single(RedisServer),
    /// Each node reaches the server through a link of its own.
    Linked(RedisServer),
    Sentinel(RedisSentinel),
    Cluster(RedisCluster),
}

/// Everything behind the load balancer's addresses.
pub(crate) struct Cluster {
    /// Each on its own addresses.
    pub(crate) nodes: Vec<Node>,
    /// One for each node, or none.
    pub(crate) links: Vec<Proxy>,
    pub(crate) store: Store,
    pub(crate) balancer: Balancer,
}

impl Store {
    /// What a node is configured with; `link` is the node's own.
    fn urls(&self, link: Option<&Proxy>) -> Vec<String> {
        match self {
            Self::Single(server) | Self::Linked(server) => {
                link.map_or_else(|| vec![server.url()], |link| vec![format!("redis://{}", link.address())])
            }
            Self::Sentinel(group) => group.urls(),
            Self::Cluster(cluster) => cluster.urls(),
        }
    }

    async fn links(&self) -> Vec<Proxy> {
        let Self::Linked(server) = self else { return Vec::new() };
        let target: SocketAddr = server.address().parse().expect("an address");
        join_all(NAMES.map(|_| Proxy::start(target))).await
    }
}

impl Cluster {
    pub(super) async fn start(builder: &Builder, store: Store) -> Self {
        let links = store.links().await;
        let nodes = NAMES.iter().enumerate().map(|(place, name)| {
            let builder = builder.clone().set("node.id", name).set("store.kind", "redis");
            builder.set("store.url", store.urls(links.get(place))).start_alone()
        });
        let nodes = join_all(nodes).await;
        let addresses: Vec<_> = nodes.iter().map(Node::addresses).collect();
        let balancer = Balancer::start(&addresses).await;
        balancer.all_up().await;
        Self { nodes, links, store, balancer }
    }

    /// Starts all nodes anew, and waits until the load balancer sends them requests.
    pub(super) async fn restart(&mut self) {
        join_all(self.nodes.iter_mut().map(|node| Box::pin(node.restart()))).await;
        self.balancer.all_up().await;
    }
}
