//! Play on the real binary: keys by digest, proxies, games that are not served, and an end that takes its time.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::support::deployment::embedded_only;
use crate::support::http::success;
use crate::support::node::Builder;
use crate::support::play::{Answer, Cafe, GameServer, Launcher, Session, codes, pc};
use crate::support::{Node, eventually};

const API_KEY: &str = "abc";
const SECRET: &str = "secret-of-cafe-east-0123456789";
const SETTLEMENTS: &str = "/admin/v1/settlements";
const PLAYER: &str = "/admin/v1/games/play/players/5001";

/// A node with a game whose key is known by its digest only, and a cafe in these networks.
fn builder(active: bool, network: &str) -> Builder {
    Node::builder().tables(&tables(active, network))
}

/// FIPS 180-4 has the SHA-256 of "abc".
fn tables(active: bool, network: &str) -> String {
    format!(
        r#"
[[games]]
name = "play"
[games.playwave]
api_keys_sha256 = ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]
active = {active}
[[cafes]]
id = "east"
secret = "{SECRET}"
networks = ["{network}"]
balance = 10
"#
    )
}

fn east(node: &Node) -> Cafe {
    Cafe { venue: node.venue(), id: "east".to_owned(), secret: SECRET.to_owned(), forwarded_for: None }
}

fn server(node: &Node) -> GameServer {
    GameServer { venue: node.venue(), api_key: API_KEY.to_owned() }
}

async fn sit_down(node: &Node) -> (Launcher, Session) {
    let launcher = east(node).launcher("pc-1").await;
    let session = server(node).session(&launcher.token("play").await, "5001").await;
    (launcher, session)
}

async fn settlements(node: &Node) -> Vec<Value> {
    let found = node.admin(Method::GET, SETTLEMENTS, None).await;
    success("settlements", found)["settlements"].as_array().expect("a list").clone()
}

async fn suspend(node: &Node) {
    let path = format!("{PLAYER}/suspension");
    success("suspend", node.admin(Method::PUT, &path, Some(json!({ "reason": "cheating" }))).await);
}

#[tokio::test]
async fn a_key_may_be_known_by_its_digest() {
    let node = builder(true, "127.0.0.1").start().await;
    let (launcher, session) = sit_down(&node).await;
    assert_eq!(session.heartbeat().await.data()["result"], "OK");
    launcher.heartbeat().await.data();
    assert_eq!(session.end().await.data()["result"], "SUCCESS");
    assert_eq!(settlements(&node).await.len(), 1);
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let thief = GameServer { api_key: digest.to_owned(), ..server(&node) };
    session.seen_by(thief, "5001").heartbeat().await.refused(codes::INVALID_API_KEY);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut node = builder(true, "127.0.0.1").start().await;
    let (launcher, session) = sit_down(&node).await;
    let beside = east(&node).launcher("pc-2").await;
    let ended = server(&node).session(&beside.token("play").await, "5002").await;
    ended.end().await.data();
    node.kill();
    node.restart().await;
    assert_eq!(session.heartbeat().await.data()["result"], "OK");
    launcher.heartbeat().await.data();
    ended.heartbeat().await.refused(codes::SESSION_ENDED);
    ended.end().await.refused(codes::ALREADY_ENDED);
    assert_eq!(settlements(&node).await.len(), 1);
    let cafe = success("cafe", node.admin(Method::GET, "/admin/v1/cafes/east", None).await);
    assert_eq!(cafe["balance"], 8, "the opening balance is applied once");
}

#[tokio::test]
async fn a_cafe_an_operator_made_survives_a_kill_with_its_secret_and_its_coins() {
    let mut node = builder(true, "127.0.0.1").start().await;
    let body = json!({ "id": "north", "networks": ["127.0.0.1"], "secret": SECRET, "balance": 3 });
    success("create", node.admin(Method::POST, "/admin/v1/cafes", Some(body)).await);
    node.kill();
    node.restart().await;
    let north = Cafe { id: "north".to_owned(), ..east(&node) };
    let launcher = north.launcher("pc-1").await;
    server(&node).session(&launcher.token("play").await, "5001").await;
    assert_eq!(launcher.heartbeat().await.data()["balance"], 2);
}

#[tokio::test]
async fn a_free_game_is_played_without_a_coin() {
    let free = tables(true, "127.0.0.1").replace("active", "rate.coins = 0\nrate.unit_sec = 1\nactive");
    let node = Node::builder().tables(&free.replace("balance = 10", "balance = 0")).start().await;
    let (launcher, session) = sit_down(&node).await;
    assert_eq!(session.heartbeat().await.data()["result"], "OK");
    assert_eq!(launcher.heartbeat().await.data()["result"], "OK");
    session.end().await.data();
    assert_eq!(settlements(&node).await[0]["coins"], 0);
}

#[tokio::test]
async fn a_game_that_is_not_active_is_closed_and_its_sessions_die_of_silence() {
    let times = builder(true, "127.0.0.1").set("playwave.silence_sec", 3).set("playwave.slack_sec", 0);
    let mut node = times.start().await;
    let (launcher, session) = sit_down(&node).await;
    node.stop().await;
    node.reconfigure(|builder| builder.replace_tables(&tables(false, "127.0.0.1")));
    node.restart().await;
    session.heartbeat().await.refused(codes::INVALID_API_KEY);
    session.end().await.refused(codes::INVALID_API_KEY);
    launcher.ask_for_token("play").await.refused(codes::GAME_NOT_FOUND);
    assert_eq!(east(&node).start(&pc("pc-2")).await.data()["games"], json!([]));
    let died = async || settlements(&node).await.pop();
    let row = eventually("the session dies of silence", died).await;
    assert_eq!((&row["session_id"], &row["end_reason"]), (&json!(session.id), &json!("heartbeat_timeout")));
    assert_eq!((&row["game_id"], &row["coins"]), (&json!("play"), &json!(1)));
}

#[tokio::test]
async fn the_time_of_a_silent_session_comes_without_anybody_asking() {
    let node = builder(true, "127.0.0.1").set("playwave.silence_sec", 1).set("playwave.slack_sec", 0).start().await;
    let (_, session) = sit_down(&node).await;
    eventually("the sweeper settles it", async || settlements(&node).await.pop()).await;
    session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn from_a_stranger_a_forwarded_address_counts_for_nothing() {
    let node = builder(true, "198.51.100.0/24").start().await;
    east(&node).start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
    east(&node).from("198.51.100.7").start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
    let node = builder(true, "127.0.0.1").start().await;
    east(&node).from("198.51.100.7").start(&pc("pc-1")).await.data();
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_forwarded_address_is_the_launchers() {
    let builder = builder(true, "198.51.100.0/24").set("listen.trusted_proxies", ["127.0.0.0/8", "10.0.0.0/8"]);
    let node = builder.start().await;
    for there in ["198.51.100.7", "6.6.6.6, 198.51.100.7", "198.51.100.7, 10.0.0.9"] {
        east(&node).from(there).start(&pc("pc-1")).await.data();
    }
    for elsewhere in ["6.6.6.6", "198.51.100.7, 6.6.6.6", "10.0.0.9"] {
        east(&node).from(elsewhere).start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
    }
}

#[tokio::test]
async fn a_player_is_seen_with_the_newest_session_that_lives() {
    let node = builder(true, "127.0.0.1").start().await;
    let (_, first) = sit_down(&node).await;
    let view = async || success("player", node.admin(Method::GET, PLAYER, None).await)["session"].clone();
    let seen = view().await;
    assert_eq!(seen["game_session_id"], first.id);
    assert_eq!((&seen["cafe_id"], &seen["pc_id"], &seen["game_id"]), (&json!("east"), &json!("pc-1"), &json!("play")));
    assert_eq!((&seen["provider_user_id"], &seen["coins"]), (&json!("5001"), &json!(1)));
    let beside = east(&node).launcher("pc-2").await;
    let second = server(&node).session(&beside.token("play").await, "5001").await;
    assert_eq!(view().await["game_session_id"], second.id);
    second.end().await.data();
    assert_eq!(view().await["game_session_id"], first.id);
    first.end().await.data();
    assert_eq!(view().await, Value::Null);
}

#[tokio::test]
async fn a_suspended_player_is_refused_and_the_token_stays_good() {
    let node = builder(true, "127.0.0.1").start().await;
    suspend(&node).await;
    let launcher = east(&node).launcher("pc-1").await;
    let token = launcher.token("play").await;
    for _ in 0..2 {
        server(&node).verify(&token, "5001").await.turned_away("SUSPENDED");
    }
    let cafe = success("cafe", node.admin(Method::GET, "/admin/v1/cafes/east", None).await);
    assert_eq!((&cafe["balance"], &cafe["live_sessions"]), (&json!(10), &json!(0)));
    success("lift", node.admin(Method::DELETE, &format!("{PLAYER}/suspension"), None).await);
    let session = server(&node).session(&token, "5001").await;
    assert_eq!(session.heartbeat().await.data()["result"], "OK");
}

#[tokio::test]
async fn a_suspended_player_may_not_take_a_seat_but_others_may_with_the_same_token() {
    let node = builder(true, "127.0.0.1").start().await;
    suspend(&node).await;
    let token = east(&node).launcher("pc-1").await.token("play").await;
    server(&node).verify(&token, "5001").await.turned_away("SUSPENDED");
    server(&node).session(&token, "5002").await;
}

/// Holds the database of a node, so that nothing it commits gets to the disk.
fn hold(node: &Node) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(node.data().join("guildhall.db")).expect("a database");
    // The node's own writer has the file for an instant now and then.
    database.busy_timeout(Duration::from_secs(5)).expect("a setting");
    database.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    database
}

#[tokio::test]
async fn while_an_end_is_being_written_a_heartbeat_is_told_so_at_once_and_a_second_end_waits() {
    embedded_only!("holds or breaks the database file of the node");
    let node = builder(true, "127.0.0.1").start().await;
    let (_, session) = sit_down(&node).await;
    let held = hold(&node);
    let ending = async |session: Session| -> Answer { session.end().await };
    LocalSet::new()
        .run_until(async {
            let first = tokio::task::spawn_local(ending(session.clone()));
            let is_ending = async || {
                let beat = session.heartbeat().await;
                (beat.status == 410).then_some(beat)
            };
            eventually("the end has reached the node", is_ending).await.refused(codes::SESSION_ENDING);
            session.check().await.refused(codes::SESSION_ENDING);
            // To strangers it is as unknown as before.
            session.seen_by(server(&node), "5002").heartbeat().await.refused(codes::SESSION_NOT_FOUND);
            let second = tokio::task::spawn_local(ending(session.clone()));
            session.heartbeat().await.refused(codes::SESSION_ENDING);
            assert!(!first.is_finished() && !second.is_finished(), "answered before it was on disk");
            held.execute_batch("ROLLBACK").expect("the lock is given back");
            assert_eq!(first.await.expect("an answer").data()["result"], "SUCCESS");
            second.await.expect("an answer").refused(codes::ALREADY_ENDED);
        })
        .await;
    session.heartbeat().await.refused(codes::SESSION_ENDED);
    assert_eq!(settlements(&node).await.len(), 1);
}

#[tokio::test]
async fn a_heartbeat_waits_for_no_disk() {
    embedded_only!("holds or breaks the database file of the node");
    let node = builder(true, "127.0.0.1").start().await;
    let (_, session) = sit_down(&node).await;
    let held = hold(&node);
    for _ in 0..3 {
        assert_eq!(session.heartbeat().await.data()["result"], "OK");
    }
    held.execute_batch("ROLLBACK").expect("the lock is given back");
    session.end().await.data();
}
