//! kill -9 in a loop: what was acknowledged is there afterwards, and nothing is there twice.
//!
//! Every round players chat, game servers make channels, enter members and set blocks, and a cafe plays and pays, all
//! at once, until the node is killed at a random moment and started anew on its folder. 100 rounds;
//! `GUILDHALL_KILL_ROUNDS=1000 cargo test --test blackbox faults::` is a longer form. A failure prints its seed;
//! `GUILDHALL_SEED` brings the moments back, though not what the machine did in them.

pub(crate) mod cafe;
mod game_server;
mod talk;

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use rand::RngExt;
use serde_json::json;

use crate::seed::{Seed, amount};
use crate::support::http::channel;
use crate::support::{Node, ROOM, within};
use cafe::Cafe;
use game_server::GameServer;
use talk::{History, Talker};

const TALKERS: [i64; 4] = [5001, 5002, 5003, 5004];
const GAME_SERVERS: i64 = 3;
const PCS: usize = 4;
/// From hardly begun to well under way, in microseconds.
const MOMENTS: std::ops::Range<u64> = 1_000..120_000;

async fn start() -> Node {
    let node = Node::builder()
        .set("limits.chat_per_sec", 100_000)
        .set("limits.chat_burst", 1_000_000)
        .set("limits.sockets_per_ip_burst", 1_000_000)
        .set("limits.api_per_sec", 1_000_000)
        .set("limits.api_burst", 1_000_000)
        .set("limits.history_events", 10_000_000)
        .tables(cafe::TABLES)
        .start()
        .await;
    let mut spec = channel(ROOM, "PUBLIC");
    spec["chatHistoryAllowed"] = json!(true);
    node.api().create(spec).await;
    node
}

/// Everybody at work, until the node dies at `moment`.
async fn play(node: &Node, talkers: &mut [Talker], servers: &mut [GameServer], cafe: &mut Cafe, moment: Duration) {
    let door = node.door();
    let talk = join_all(talkers.iter_mut().map(Talker::talk));
    let serve = join_all(servers.iter_mut().map(|server| server.work(node)));
    let mut traffic = pin!(join3(talk, serve, cafe.work(&door)));
    let early = tokio::time::timeout(moment, &mut traffic).await;
    assert!(early.is_err(), "the traffic ended before the node was killed");
    node.signal("KILL");
    within("the traffic ends with its node", traffic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_kill_9_and_nothing_is_there_twice() {
    let seed = Seed::pick();
    let mut chance = seed.generator(0);
    let mut node = start().await;
    let mut talkers: Vec<_> = TALKERS.into_iter().map(Talker::new).collect();
    let mut servers: Vec<_> = (0..GAME_SERVERS).map(GameServer::new).collect();
    let mut cafe = Cafe::new(PCS);
    let mut history = History::begin(&node, &mut talkers[0]).await;
    for round in 0..amount("GUILDHALL_KILL_ROUNDS", 100) {
        for talker in &mut talkers {
            talker.come(&node, round > 0).await;
        }
        let moment = Duration::from_micros(chance.random_range(MOMENTS));
        play(&node, &mut talkers, &mut servers, &mut cafe, moment).await;
        node.kill();
        node.restart().await;

        history.read_on(&node).await;
        talkers.iter_mut().for_each(|talker| history.check(talker));
        for server in &mut servers {
            server.check_round(&node).await;
            server.settle(&node).await;
        }
        cafe.check(&node.door(), false).await;
        cafe.beat(&node.door()).await;
    }
    history.check_nothing_changed(&node).await;
    for server in &servers {
        server.check_everything(&node).await;
    }
    cafe.check(&node.door(), true).await;
    assert!(cafe.sessions() > PCS, "hardly a session was acknowledged in all the rounds");
    assert!(history.len() > TALKERS.len(), "hardly a message was acknowledged in all the rounds");
    node.stop().await;
}
