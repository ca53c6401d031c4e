//! A master with two replicas under the eyes of three sentinels.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::RedisServer;
use crate::support::eventually;

/// The name the sentinels know the master by.
const MASTER: &str = "guildhall";

pub(crate) struct RedisSentinel {
    /// First the master at the start, then its replicas. Roles change; places do not.
    pub(crate) servers: Vec<RedisServer>,
    pub(crate) sentinels: Vec<RedisServer>,
}

impl RedisSentinel {
    /// Starts all six, and waits until every sentinel knows the others and the replicas.
    pub(crate) async fn start() -> Self {
        let master = RedisServer::start().await;
        let follow = format!("replicaof 127.0.0.1 {}\n", master.port());
        let replicas = join_all([RedisServer::start_with(&follow), RedisServer::start_with(&follow)]).await;
        let watch = watch(master.port());
        let start = || RedisServer::start_as(&watch, &["--sentinel"]);
        let sentinels = join_all([start(), start(), start()]).await;
        let servers = [master].into_iter().chain(replicas).collect();
        let group = Self { servers, sentinels };
        group.watched().await;
        group
    }

    /// The addresses of the sentinels.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(RedisServer::url).collect()
    }

    /// The place of the server that all live sentinels call the master, and that agrees.
    pub(crate) async fn master(&self) -> usize {
        eventually("a master the sentinels agree on", async || self.agreed().await).await
    }

    /// Lets the sentinels choose another master, as for an upgrade. Its place.
    pub(crate) async fn fail_over(&mut self) -> usize {
        let old = self.master().await;
        // Refused until the replicas have caught up with an earlier change.
        let order = async || self.sentinels[0].try_command::<String>(&["SENTINEL", "FAILOVER", MASTER]).await.ok();
        eventually("the sentinels take the order", order).await;
        self.other_master(old).await
    }

    /// SIGKILL for the master. The place of the new one.
    pub(crate) async fn kill_master(&mut self) -> usize {
        let old = self.master().await;
        self.servers[old].kill();
        self.other_master(old).await
    }

    async fn other_master(&self, old: usize) -> usize {
        let new = async || self.agreed().await.filter(|new| *new != old);
        eventually("the sentinels choose another master", new).await
    }

    async fn agreed(&self) -> Option<usize> {
        let mut named = Vec::new();
        for sentinel in &self.sentinels {
            let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER];
            named.extend(sentinel.try_command::<(String, u16)>(&ask).await.ok().map(|(_, port)| port));
        }
        let port = *named.first()?;
        let place = self.servers.iter().position(|server| server.port() == port)?;
        let replication: String = self.servers[place].try_command(&["INFO", "replication"]).await.ok()?;
        (named.iter().all(|other| *other == port) && replication.contains("role:master")).then_some(place)
    }

    async fn watched(&self) {
        for sentinel in &self.sentinels {
            let sees_all = async || {
                let seen: HashMap<String, String> = sentinel.command(&["SENTINEL", "MASTER", MASTER]).await;
                let is = |key: &str, value| seen.get(key).is_some_and(|known| known == value);
                (is("num-slaves", "2") && is("num-other-sentinels", "2")).then_some(())
            };
            eventually("the sentinels know each other", sees_all).await;
        }
    }
}

fn watch(port: u16) -> String {
    format!(
        "bind 127.0.0.1\n\
         sentinel monitor {MASTER} 127.0.0.1 {port} 2\n\
         sentinel down-after-milliseconds {MASTER} 1000\n\
         sentinel failover-timeout {MASTER} 3000\n"
    )
}
