//! What a crash between two steps leaves, made by hand, and how it is put right.

use std::sync::Arc;

use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{CafeId, LauncherKey, PcId, TokenId};
use guildhall_actors::ports::{Commit, Committed, Durability, Sessions, Version};
use guildhall_actors::session::{Account, Document, DocumentKey, Pc, Token};

use crate::redis::store::open;
use crate::support::redis::RedisServer;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const HINTS: &str = "guildhall:{cafes}:deadlines";

fn cafe(name: &str) -> CafeId {
    CafeId::parse(name).expect("a cafe id")
}

fn pc(name: &str) -> DocumentKey {
    DocumentKey::Pc(PcId::parse(name).expect("a PC id"))
}

fn pc_until(millis: i64) -> Document {
    Document::Pc(Pc { launcher: None, session: None, deadline: Some(Timestamp(NOW.0 + millis)) })
}

fn token() -> (DocumentKey, Document) {
    let (pc, launcher) = (PcId::parse("pc").expect("a PC id"), LauncherKey([1; 32]));
    let game = guildhall_actors::ids::GameId::new("game");
    let token = Token { game, pc, launcher, issued_at: NOW, used_at: None, deadline: Timestamp(NOW.0 + 1) };
    (DocumentKey::Token(TokenId::from_random(1)), Document::Token(token))
}

fn change(key: &DocumentKey, found: Version, document: Option<Document>) -> Commit {
    let changes = vec![(key.clone(), document.map(Arc::new))];
    Commit { expected: vec![(key.clone(), found)], changes, settlements: vec![], durability: Durability::Now }
}

async fn write(redis: &Redis, cafe: &CafeId, key: &DocumentKey, document: Option<Document>) -> Version {
    let found = redis.load(cafe, std::slice::from_ref(key)).await.expect("Redis answers").remove(0).version;
    match redis.commit(cafe, &change(key, found, document)).await.expect("Redis answers") {
        Committed::Done(versions) => versions[0],
        Committed::Conflict => panic!("nobody else is here"),
    }
}

async fn due(redis: &Redis, millis: i64) -> Vec<(CafeId, DocumentKey)> {
    redis.due(Timestamp(NOW.0 + millis), 100).await.expect("Redis answers")
}

async fn hint(server: &RedisServer, cafe: &CafeId) -> Option<f64> {
    server.command(&["ZSCORE", HINTS, cafe.as_str()]).await
}

#[tokio::test]
async fn a_pointer_without_its_document_leads_nowhere_until_the_document_is_made() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let (key, document) = token();
    let pointer = format!("guildhall:{{{key}}}:cafe");
    // Before the commit that makes the document; and after the one that removes it.
    let _: () = server.command(&["SET", &pointer, "here"]).await;
    assert_eq!(redis.find(&key).await.unwrap(), None);
    write(&redis, &cafe("there"), &key, Some(document)).await;
    assert_eq!(redis.find(&key).await.unwrap(), Some(cafe("there")));
    write(&redis, &cafe("there"), &key, None).await;
    assert_eq!(server.command::<Option<String>>(&["GET", &pointer]).await, None, "a removal takes it along");
}

#[tokio::test]
async fn a_removal_leaves_a_pointer_alone_that_leads_elsewhere_by_now() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let (key, document) = token();
    write(&redis, &cafe("here"), &key, Some(document.clone())).await;
    write(&redis, &cafe("there"), &key, Some(document)).await;
    write(&redis, &cafe("here"), &key, None).await;
    assert_eq!(redis.find(&key).await.unwrap(), Some(cafe("there")));
}

#[tokio::test]
async fn a_hint_that_a_crash_left_out_is_made_up_for_within_a_sweep() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let here = cafe("here");
    write(&redis, &here, &pc("a"), Some(pc_until(5))).await;
    // Never written; and raised by a sweeper that did not get to look once more.
    for leave in [&["ZREM", HINTS, "here"][..], &["ZADD", HINTS, "9e15", "here"]] {
        let _: i64 = server.command(leave).await;
        assert!(due(&redis, 9).await.is_empty(), "the crash shows");
        assert_eq!(due(&redis, 9).await, [(here.clone(), pc("a"))], "and is over");
    }
}

#[tokio::test]
async fn the_walk_gets_round_to_every_cafe() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    for number in 0..150 {
        write(&redis, &cafe(&format!("cafe-{number}")), &pc("a"), Some(pc_until(5))).await;
    }
    let _: i64 = server.command(&["DEL", HINTS]).await;
    for seen in [0, 64, 128, 150, 150] {
        assert_eq!(redis.due(Timestamp(NOW.0 + 9), 1_000).await.unwrap().len(), seen);
    }
}

#[tokio::test]
async fn a_heartbeat_is_one_round_trip_and_leaves_the_hint_to_the_sweep() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let here = cafe("here");
    write(&redis, &here, &pc("b"), Some(pc_until(1_000))).await;
    let mut version = write(&redis, &here, &pc("a"), Some(pc_until(10))).await;
    let asked = reads(&server).await;
    let before = reads(&server).await;
    for beat in 2..=11 {
        let commit = change(&pc("a"), version, Some(pc_until(10 * beat)));
        let Committed::Done(versions) = redis.commit(&here, &commit).await.unwrap() else { panic!("as expected") };
        version = versions[0];
    }
    assert_eq!(reads(&server).await - before - (before - asked), 10);
    assert_eq!(hint(&server, &here).await, Some(NOW.0 as f64 + 10.0));
    assert!(due(&redis, 10).await.is_empty());
    assert_eq!(hint(&server, &here).await, Some(NOW.0 as f64 + 110.0));
    assert_eq!(due(&redis, 110).await, [(here.clone(), pc("a"))]);
    write(&redis, &here, &pc("a"), None).await;
    write(&redis, &here, &pc("b"), None).await;
    assert!(due(&redis, 9_999).await.is_empty());
    assert_eq!(hint(&server, &here).await, None, "nothing will ever be due");
}

/// How often the server has read from a connection: whoever awaits each answer is read once for each round trip.
async fn reads(server: &RedisServer) -> i64 {
    let stats: String = server.command(&["INFO", "stats"]).await;
    let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    reads.and_then(|reads| reads.trim().parse().ok()).expect("the server counts its reads")
}

#[tokio::test]
async fn a_cafe_whose_account_was_never_made_is_not_listed() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    let _: i64 = server.command(&["ZADD", "guildhall:{cafes}:names", "0", "crashed"]).await;
    write(&redis, &cafe("open"), &DocumentKey::Account, Some(Document::Account(Account::default()))).await;
    assert_eq!(redis.cafes(None, 9).await.unwrap(), [cafe("open")]);
}

#[tokio::test]
async fn due_documents_of_many_cafes_are_the_earliest_of_all() {
    let server = RedisServer::start().await;
    let redis = open(vec![server.url()]).await;
    for number in 0..100 {
        write(&redis, &cafe(&format!("cafe-{number}")), &pc("a"), Some(pc_until(1_000 + number))).await;
    }
    // Its hint says first, but what it has is last.
    let stale = cafe("stale");
    write(&redis, &stale, &pc("a"), Some(pc_until(1))).await;
    write(&redis, &stale, &pc("a"), Some(pc_until(5_000))).await;
    let found = redis.due(Timestamp(NOW.0 + 9_000), 3).await.unwrap();
    assert_eq!(found, [0, 1, 2].map(|number| (cafe(&format!("cafe-{number}")), pc("a"))));
    let all = redis.due(Timestamp(NOW.0 + 9_000), 1_000).await.unwrap();
    assert_eq!((all.len(), all.last()), (101, Some(&(stale, pc("a")))));
}
