//! HAProxy with the configuration of `deploy/`, before nodes that share nothing, so that each can be told from the others.

use futures_util::future::join_all;

use crate::support::balancer::Balancer;
use crate::support::process::Addresses;
use crate::support::{Client, Node, eventually};

async fn nodes() -> (Vec<Node>, Balancer) {
    let nodes = join_all((0..3).map(|_| Node::builder().set("limits.api_burst", 10_000).start_alone())).await;
    let addresses: Vec<Addresses> = nodes.iter().map(Node::addresses).collect();
    let balancer = Balancer::start(&addresses).await;
    balancer.all_up().await;
    (nodes, balancer)
}

/// The status of a request for the channel `of-a` through the load balancer: only one node answers it with 200.
async fn ask(balancer: &Balancer, nodes: &[Node]) -> u16 {
    nodes[0].api().at(balancer.addresses().public).get("/channels/of-a").await.0
}

#[tokio::test]
async fn requests_go_to_one_node_after_the_other() {
    let (nodes, balancer) = nodes().await;
    nodes[0].api().create_channel("of-a", "PUBLIC").await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(ask(&balancer, &nodes).await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
    assert_eq!(statuses[..3], statuses[3..]);
}

#[tokio::test]
async fn no_request_fails_while_a_node_drains_and_its_sockets_are_told_to_reconnect() {
    let (mut nodes, balancer) = nodes().await;
    for node in &nodes {
        node.api().create_channel("of-a", "PUBLIC").await;
    }
    let mut client = Client::connect(&nodes[0], 5001).await;
    nodes[0].signal("TERM");
    let left = async || {
        assert_eq!(ask(&balancer, &nodes).await, 200);
        (balancer.servers_up().await == Some(2)).then_some(())
    };
    eventually("the node is out of rotation", left).await;
    assert_eq!(client.skip_to_close().await.0, 1012);
    drop(client);
    nodes[0].expect_exit().await;
}

#[tokio::test]
async fn a_killed_node_is_left_out_and_taken_back() {
    let (mut nodes, balancer) = nodes().await;
    for node in &nodes {
        node.api().create_channel("of-a", "PUBLIC").await;
    }
    nodes[0].kill();
    for _ in 0..6 {
        assert_eq!(ask(&balancer, &nodes).await, 200, "a refused connection goes on to another node");
    }
    balancer.up(2).await;
    nodes[0].restart().await;
    balancer.all_up().await;
}
