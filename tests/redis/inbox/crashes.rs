//! What a crash between two steps leaves, and what a server that lost its last records must not do.

use std::time::Duration;

use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::GameId;
use guildhall_actors::ports::{Inbox, InboxKey, Recorded};

use crate::redis::store::open;
use crate::support::eventually;
use crate::support::redis::RedisServer;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const SOURCE: &str = "source";

fn key(name: &str) -> InboxKey {
    InboxKey { game: GameId::new("game"), source: SOURCE, key: name.into() }
}

/// Once the link is there again.
async fn record(redis: &Redis, name: &str) -> u64 {
    eventually("the request is recorded", async || {
        redis.record(&key(name), b"body", Duration::from_secs(60), NOW).await.ok()
    })
    .await;
    redis.entry(&key(name)).await.expect("Redis answers").expect("recorded").cursor
}

#[tokio::test]
async fn a_game_that_was_named_and_recorded_nothing_is_no_trouble() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let _: i64 = server.command(&["SADD", "guildhall:{games}:names", "crashed"]).await;
    record(&redis, "a").await;
    let pending = redis.pending(SOURCE, Timestamp::MAX, 9).await.unwrap();
    assert_eq!(pending.iter().map(|(game, _)| game.as_str()).collect::<Vec<_>>(), ["game"]);
    assert_eq!(redis.trim(&[SOURCE], Timestamp::MAX, 0, false).await.unwrap(), 1);
}

#[tokio::test]
async fn a_server_that_lost_its_last_records_does_not_give_their_cursors_again() {
    let mut server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let mut last = 0;
    for round in 0..3 {
        for name in ["a", "b", "c"] {
            let cursor = record(&redis, &format!("{name}{round}")).await;
            assert!(cursor > last, "{cursor} after {last}");
            last = cursor;
        }
        // The tail is gone: the counter says what it said before.
        let _: i64 = server.command(&["HINCRBY", "guildhall:{inbox:game}:state", "cursor", "-2"]).await;
        server.restart().await;
    }
}

#[tokio::test]
async fn a_request_that_two_nodes_record_at_once_is_new_to_one() {
    let server = RedisServer::start().await;
    let nodes = [open(vec![server.url()]).await, open(vec![server.url()]).await];
    for round in 0..50 {
        let key = key(&round.to_string());
        let records = nodes.iter().map(|node| node.record(&key, b"", Duration::from_secs(1), NOW));
        let told = futures_util::future::try_join_all(records).await.unwrap();
        assert_eq!(told.iter().filter(|told| **told == Recorded::New).count(), 1, "{told:?}");
    }
}

#[tokio::test]
async fn a_large_trim_goes_in_steps_and_stops_at_what_is_kept() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let keys: Vec<_> = (0..1_300).map(|number| key(&number.to_string())).collect();
    for part in keys.chunks(100) {
        let records = part.iter().map(|key| redis.record(key, b"", Duration::from_secs(60), NOW));
        futures_util::future::try_join_all(records).await.unwrap();
    }
    // The first 600 are pending and stay; of the rest 100 are kept.
    for part in keys[600..].chunks(100) {
        futures_util::future::try_join_all(part.iter().map(|key| redis.finish(key, b""))).await.unwrap();
    }
    assert_eq!(redis.trim(&[SOURCE], NOW, 100, true).await.unwrap(), 600);
    let left = redis.read(&key("").game, &[SOURCE], 0, 9_999).await.unwrap();
    assert_eq!((left.entries.len(), left.complete), (700, false));
    assert_eq!(redis.trim(&[SOURCE], Timestamp(NOW.0 + 1), 0, false).await.unwrap(), 700);
}
