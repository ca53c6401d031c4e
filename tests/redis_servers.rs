//! The Redis servers that other tests stand on do what those tests need of them.

use std::path::Path;

use crate::support::redis::{RedisCluster, RedisSentinel, RedisServer};

async fn set(server: &RedisServer, key: &str, value: &str) {
    let _: String = server.command(&["SET", key, value]).await;
}

async fn get(server: &RedisServer, key: &str) -> Option<String> {
    server.command(&["GET", key]).await
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn a_server_keeps_what_it_acknowledged_over_a_restart_and_a_kill() {
    let mut server = RedisServer::start().await;
    let url = server.url();
    set(&server, "one", "1").await;
    server.restart().await;
    set(&server, "two", "2").await;
    server.kill();
    assert!(server.try_command::<String>(&["PING"]).await.is_err());
    server.restart().await;
    assert_eq!((get(&server, "one").await, get(&server, "two").await), (Some("1".into()), Some("2".into())));
    assert_eq!(server.url(), url);
}

#[tokio::test]
async fn a_frozen_server_answers_once_it_is_thawed() {
    let server = RedisServer::start().await;
    server.freeze();
    let mut ping = Box::pin(server.try_command::<String>(&["PING"]));
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut ping).await;
    assert!(early.is_err(), "{early:?}");
    server.thaw();
    assert_eq!(ping.await.expect("an answer"), "PONG");
}

#[tokio::test]
async fn nothing_is_left_of_a_server_when_its_test_fails() {
    let server = RedisServer::start().await;
    let pid = server.pid();
    assert!(is_alive(pid));
    let failed = tokio::spawn(async move {
        let _owned = server;
        panic!("on purpose, to see what is left");
    });
    assert!(failed.await.is_err());
    assert!(!is_alive(pid));
}

#[tokio::test]
async fn a_cluster_moves_a_key_to_the_replica_when_told_and_when_its_master_dies() {
    let mut cluster = RedisCluster::start().await;
    assert_eq!(cluster.urls().len(), 6);
    let first = cluster.master_of("{a}").await;
    set(&cluster.nodes[first], "{a}", "kept").await;
    let second = cluster.fail_over("{a}").await;
    assert_ne!(first, second);
    assert_eq!(get(&cluster.nodes[second], "{a}").await.as_deref(), Some("kept"));

    let third = cluster.kill_master_of("{a}").await;
    assert_eq!(third, first, "the master before is the only replica");
    assert_eq!(get(&cluster.nodes[third], "{a}").await.as_deref(), Some("kept"));
    cluster.nodes[second].restart().await;
    cluster.whole().await;
    assert_eq!(cluster.master_of("{a}").await, third);
}

#[tokio::test]
async fn sentinels_choose_another_master_when_told_and_when_it_dies() {
    let mut group = RedisSentinel::start().await;
    assert_eq!(group.urls().len(), 3);
    let first = group.master().await;
    set(&group.servers[first], "a", "kept").await;
    let second = group.fail_over().await;
    assert_ne!(first, second);
    let third = group.kill_master().await;
    assert_ne!(second, third);
    assert_eq!(get(&group.servers[third], "a").await.as_deref(), Some("kept"));
}
