//! Random histories of two nodes on one server that keeps dropping their links: the money adds up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::SessionId;
use guildhall_actors::ports::{Sessions, SettlementQuery};
use guildhall_actors::session::{Account, Document, DocumentKey, Memory, Settlement};
use guildhall_actors::testing::Dice;

use super::node::{Node, Time, cafe};
use crate::redis::store::open;
use crate::support::eventually;
use crate::support::redis::RedisServer;

const SEEDS: u64 = 4;
/// Each of a few calls at once, and then some time.
const ROUNDS: usize = 60;
const AT_ONCE: usize = 8;
const PCS: usize = 5;

type Memories = HashMap<SessionId, Memory>;

async fn account(node: &Node) -> Account {
    let stored = node.store.load(&cafe(), &[DocumentKey::Account]).await.expect("Redis answers").remove(0);
    match stored.document.as_deref() {
        Some(Document::Account(account)) => account.clone(),
        _ => Account::default(),
    }
}

async fn settlements(node: &Node) -> Vec<Settlement> {
    let (from, to) = (Timestamp(i64::MIN), Timestamp::MAX);
    let query = SettlementQuery { cafe: None, game: None, from, to, after: None, limit: 100_000 };
    node.store.settlements(&query).await.expect("Redis answers")
}

/// One random call. What a store answered with an error may have happened or not; the rules must not mind.
async fn call(node: &Node, memories: &mut Memories, sessions: &[SessionId], mut dice: Dice) -> Option<SessionId> {
    let session = (!sessions.is_empty()).then(|| *dice.pick(sessions));
    let Some(session) = session.filter(|_| dice.chance(800)) else {
        let bits = dice.bits();
        let pc = format!("pc-{}", dice.below(PCS));
        // Also when the answer was lost: it may have begun.
        drop(node.begin(&pc, bits).await);
        return Some(SessionId::from_random(bits));
    };
    let memory = memories.entry(session).or_default();
    match dice.below(10) {
        0 => drop(node.end(memory, session).await),
        1 => drop(node.terminate(session).await),
        2 => drop(node.sweep().await),
        3 => drop(node.credit(5).await),
        _ => drop(node.heartbeat(memory, session).await),
    }
    None
}

async fn live_through(seed: u64) -> usize {
    let server = RedisServer::start().await;
    let time = Time::default();
    let nodes = [open(vec![server.url()]).await, open(vec![server.url()]).await].map(|redis| Node::new(redis, &time));
    let mut dice = Dice::new(seed);
    let (mut sessions, mut memories): (Vec<SessionId>, Vec<Memories>) = Default::default();
    memories.resize_with(AT_ONCE, Memories::new);
    nodes[0].open_account(200).await.expect("Redis answers");
    for _ in 0..ROUNDS {
        let kills = dice.chance(300);
        let calls = memories
            .iter_mut()
            .enumerate()
            .map(|(place, memories)| call(&nodes[place % 2], memories, &sessions, Dice::new(dice.throw())));
        let calls = join_all(calls);
        let kill = async {
            if kills {
                let _: i64 = server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
            }
        };
        let (begun, ()) = futures_util::future::join(calls, kill).await;
        sessions.extend(begun.into_iter().flatten());
        time.pass(dice.below(90) as i64);
    }
    add_up(&nodes, &sessions, &time, seed).await
}

/// Ends whatever is live, and compares every sum.
async fn add_up(nodes: &[Node; 2], sessions: &[SessionId], time: &Time, seed: u64) -> usize {
    for session in sessions {
        eventually("the link is there again", async || nodes[0].terminate(*session).await.ok()).await;
    }
    let (account, settled) = (account(&nodes[1]).await, settlements(&nodes[0]).await);
    let charged: u64 = settled.iter().map(|settlement| settlement.coins).sum();
    assert_eq!((account.charged, account.balance), (charged, account.credited - charged), "seed {seed}");
    assert!(account.credited > 200, "seed {seed}");
    let known = settled.iter().filter(|settlement| sessions.contains(&settlement.session_id)).count();
    assert_eq!(known, settled.len(), "seed {seed}");
    // Long after that everything is forgotten, on time, whatever hints were lost.
    time.pass(1_000_000);
    let mut left = None;
    for _ in 0..20 {
        left = Some(nodes[0].sweep().await.expect("Redis answers") + nodes[1].sweep().await.expect("Redis answers"));
    }
    assert_eq!(left, Some(0), "seed {seed}");
    for session in sessions {
        assert_eq!(nodes[0].store.find(&DocumentKey::Session(*session)).await.expect("Redis answers"), None);
    }
    settled.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_links_are_lost_the_money_of_two_nodes_adds_up() {
    let mut settled = 0;
    for seed in 0..SEEDS {
        settled += live_through(seed).await;
    }
    assert!(settled > 50, "only {settled} sessions were played");
}

async fn commits(server: &RedisServer) -> u64 {
    let stats: String = server.command(&["INFO", "commandstats"]).await;
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.and_then(|calls| calls.split(',').next()?.parse().ok()).unwrap_or(0)
}

// A cafe charges all its PCs in the same second of every minute. Each charge changes the one account.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_sessions_of_one_cafe_are_charged_at_once() {
    const SESSIONS: usize = 300;
    let server = RedisServer::start().await;
    let time = Time::default();
    let nodes = [open(vec![server.url()]).await, open(vec![server.url()]).await].map(|redis| Node::new(redis, &time));
    nodes[0].open_account(10_000).await.expect("Redis answers");
    let mut players = Vec::new();
    for number in 0..SESSIONS {
        let begun = nodes[0].begin(&format!("pc-{number}"), number as u128 + 1).await.expect("Redis answers");
        players.push((begun.expect("there are coins"), Memory::default()));
    }
    for (session, memory) in &mut players {
        assert!(nodes[0].heartbeat(memory, *session).await.expect("Redis answers"));
    }
    time.pass(60);
    let (nodes, before, began) = (Arc::new(nodes), commits(&server).await, Instant::now());
    let beats = players.into_iter().enumerate().map(|(place, (session, mut memory))| {
        let nodes = nodes.clone();
        tokio::spawn(async move { nodes[place % 2].heartbeat(&mut memory, session).await })
    });
    for beat in join_all(beats).await {
        assert!(beat.expect("no panic").expect("it gets through"));
    }
    let (attempts, took) = (commits(&server).await - before, began.elapsed());
    assert_eq!(account(&nodes[0]).await.charged, 2 * SESSIONS as u64);
    // Without turns each charge is in the way of all the others: their number, squared.
    assert!(attempts < 10 * SESSIONS as u64, "{attempts} attempts in {took:?}");
}
