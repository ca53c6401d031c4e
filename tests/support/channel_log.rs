//! What a Redis store really kept of a channel: its log, read with the server's own commands and not with ours.

use redis::FromRedisValue;
use serde_json::Value;

use super::cluster::Store;
use super::redis::RedisServer;

/// Where an event stands in the log of its channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Position {
    pub(crate) epoch: String,
    pub(crate) sequence: i64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A chat message or a notice. No text is said twice in a run.
    Said(String),
    Entered(i64),
    Exited(i64),
}

/// An event as the store keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) position: Position,
    pub(crate) what: What,
}

/// The key of a channel of the game `demo`; all that belongs to the channel has its hash tag, and so its slot.
pub(crate) fn key(channel: &str) -> String {
    format!("guildhall:{{channel:demo:{channel}}}:channel")
}

impl Store {
    /// The whole log of a channel, as its master has it now.
    pub(crate) async fn log(&self, channel: &str) -> Vec<Entry> {
        let log = format!("guildhall:{{channel:demo:{channel}}}:log");
        let entries = ["XRANGE", &log, "-", "+"];
        let entries: Vec<(String, Vec<String>)> = self.master_of(&log).await.command(&entries).await;
        entries.into_iter().map(|(id, fields)| entry(&id, &fields)).collect()
    }

    /// The channel's own hash, to be sure that it is where the tests think.
    pub(crate) async fn holds(&self, channel: &str) -> bool {
        let key = key(channel);
        self.asked(&key, "EXISTS").await
    }

    async fn asked<T: FromRedisValue>(&self, key: &str, command: &str) -> T {
        self.master_of(key).await.command(&[command, key]).await
    }

    async fn master_of(&self, key: &str) -> &RedisServer {
        match self {
            Self::Single(server) | Self::Linked(server) => server,
            Self::Sentinel(group) => &group.servers[group.master().await],
            Self::Cluster(cluster) => &cluster.nodes[cluster.master_of(key).await],
        }
    }
}

/// `sequence-0` with the fields `e` (epoch), `a` (time) and `b` (body).
fn entry(id: &str, fields: &[String]) -> Entry {
    let [_, epoch, _, _, _, body] = fields else { panic!("an entry has three fields: {fields:?}") };
    let sequence = id.strip_suffix("-0").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{id} is a place"));
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    Entry { position: Position { epoch: epoch.clone(), sequence }, what: what(&body) }
}

fn what(body: &Value) -> What {
    let player = |kind: &str| body[kind]["player"].as_i64();
    let text = |kind: &str| body[kind]["message"].as_str().map(|text| What::Said(text.to_owned()));
    let membership = player("entered").map(What::Entered).or_else(|| player("exited").map(What::Exited));
    membership.or_else(|| text("chat")).or_else(|| text("notice")).unwrap_or_else(|| panic!("nothing we make: {body}"))
}
