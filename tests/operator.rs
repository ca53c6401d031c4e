//! The admin listener: probes, and the operator API under `X-Admin-Key`.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::answers::{codes, refused, texts, without};
use crate::support::deployment::embedded_only;
use crate::support::http::{self, success};
use crate::support::key::{LoginKey, now_ms};
use crate::support::node::{ADMIN_KEY, CERTIFICATION_KEY};
use crate::support::{Client, Node, ROOM, RawSocket, eventually, room};

const PLAYER: &str = "/admin/v1/games/demo/players/5001";

async fn get(node: &Node, path: &str) -> (u16, Value) {
    node.admin(Method::GET, path, None).await
}

/// What an operator sees of player 5001.
async fn view(node: &Node) -> Value {
    success("player", get(node, PLAYER).await)
}

async fn suspend(node: &Node, body: Value) -> (u16, Value) {
    node.admin(Method::PUT, &format!("{PLAYER}/suspension"), Some(body)).await
}

async fn lift(node: &Node) -> (u16, Value) {
    node.admin(Method::DELETE, &format!("{PLAYER}/suspension"), None).await
}

async fn disconnect(node: &Node) -> (u16, Value) {
    node.admin(Method::POST, &format!("{PLAYER}/disconnect"), None).await
}

/// The status of a CONNECT of player 5001.
async fn login_status(node: &Node) -> i64 {
    Client::log_in(node, 5001, "CONNECT", json!({})).await.1.status()
}

/// The status of a probe, which asks for no key.
async fn probe(node: &Node, path: &str) -> Option<StatusCode> {
    node.admin_request(Method::GET, path).send().await.ok().map(|response| response.status())
}

#[tokio::test]
async fn the_probes_are_open_to_everybody() {
    let node = Node::start().await;
    for (path, status) in [("/livez", "live"), ("/readyz", "ready")] {
        let answer = http::send(path, node.admin_request(Method::GET, path)).await;
        assert_eq!(answer, (200, json!({ "status": status })));
    }
}

#[tokio::test]
async fn a_draining_node_is_live_and_not_ready() {
    let mut node = Node::start().await;
    // One who does not answer the close holds the drain up for a moment.
    let _mute = RawSocket::connect(&node, 5001).await;
    node.signal("TERM");
    let red = async || (probe(&node, "/readyz").await? == StatusCode::SERVICE_UNAVAILABLE).then_some(());
    eventually("readiness turns red", red).await;
    assert_eq!(probe(&node, "/livez").await, Some(StatusCode::OK));
    node.expect_exit().await;
}

#[tokio::test]
async fn every_operation_needs_an_admin_key() {
    let node = Node::start().await;
    let operations = [
        (Method::GET, "/admin/v1/overview".to_owned()),
        (Method::GET, "/admin/v1/games/demo/channels".to_owned()),
        (Method::GET, PLAYER.to_owned()),
        (Method::PUT, format!("{PLAYER}/suspension")),
        (Method::DELETE, format!("{PLAYER}/suspension")),
        (Method::POST, format!("{PLAYER}/disconnect")),
    ];
    for (method, path) in operations {
        let bare = || node.admin_request(method.clone(), &path).json(&json!({}));
        refused(&path, http::send(&path, bare()).await, codes::INVALID_TOKEN);
        for wrong in ["", "wrong", CERTIFICATION_KEY, &ADMIN_KEY[1..]] {
            let answer = http::send(&path, bare().header("X-Admin-Key", wrong)).await;
            refused(&path, answer, codes::INVALID_TOKEN);
        }
        let bearer = http::send(&path, bare().bearer_auth(ADMIN_KEY)).await;
        refused(&path, bearer, codes::INVALID_TOKEN);
    }
}

#[tokio::test]
async fn without_admin_keys_the_operator_api_is_closed() {
    let node = Node::builder().set("admin.keys", [""; 0]).start().await;
    refused("overview", get(&node, "/admin/v1/overview").await, codes::INVALID_TOKEN);
    let empty = node.admin_request(Method::GET, "/admin/v1/overview").header("X-Admin-Key", "");
    refused("no key", http::send("overview", empty).await, codes::INVALID_TOKEN);
}

#[tokio::test]
async fn during_a_rotation_both_admin_keys_work() {
    let node = Node::builder().set("admin.keys", ["the-next-admin-key", ADMIN_KEY]).start().await;
    for key in ["the-next-admin-key", ADMIN_KEY] {
        let request = node.admin_request(Method::GET, "/admin/v1/overview").header("X-Admin-Key", key);
        success(key, http::send(key, request).await);
    }
}

#[tokio::test]
async fn the_two_listeners_share_no_route() {
    let node = Node::start().await;
    for path in ["/livez", "/readyz", "/admin/v1/overview"] {
        let request = node.request(Method::GET, path).header("X-Admin-Key", ADMIN_KEY);
        refused(path, http::send(path, request).await, codes::NOT_FOUND);
    }
    let api = node.admin_request(Method::GET, "/api/v1/games/7/channels").bearer_auth(CERTIFICATION_KEY);
    refused("api", http::send("api", api).await, codes::NOT_FOUND);
    let wrong_method = node.admin(Method::POST, "/admin/v1/overview", None).await;
    refused("method", wrong_method, codes::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_overview_counts_what_the_node_carries() {
    embedded_only!("the overview is that of the node which answers");
    let node = Node::builder().set("node.id", "west").start().await;
    let [_first, _second] = room(&node, [5001, 5002]).await;
    let data = success("overview", get(&node, "/admin/v1/overview").await);
    assert!(data["node"].as_str().is_some_and(|name| name.starts_with("west")), "{data}");
    assert_eq!(data["games"], json!(["demo", "other"]));
    assert_eq!((&data["connections"], &data["channelActors"]), (&json!(2), &json!(1)));
    assert_eq!(data["draining"], false);
}

#[tokio::test]
async fn an_unknown_game_or_player_is_answered_404_103() {
    let node = Node::start().await;
    for path in ["/admin/v1/games/nowhere/channels", "/admin/v1/games/nowhere/players/5001", PLAYER] {
        refused(path, get(&node, path).await, codes::NOT_FOUND);
    }
    refused("no id", get(&node, "/admin/v1/games/demo/players/x").await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_player_is_known_once_a_token_was_issued() {
    let node = Node::start().await;
    node.api().token(5001).await;
    let seen = view(&node).await;
    let known_since = seen["knownSince"].as_i64().expect("milliseconds");
    assert!((now_ms() - known_since).abs() < 60_000, "{seen}");
    let nothing = json!({
        "playerId": 5001, "login": null, "channels": [], "blocks": [], "suspension": null, "profile": null,
        "session": null,
    });
    assert_eq!(without(seen, "knownSince"), nothing);
}

#[tokio::test]
async fn a_player_is_seen_with_login_channels_blocks_and_suspension() {
    let node = Node::start().await;
    let [member] = room(&node, [5001]).await;
    node.api().block(5001, 5002).await;
    let seen = view(&node).await;
    assert!(seen["login"]["id"].is_string() && seen["login"]["node"].is_string(), "{seen}");
    assert!((now_ms() - seen["login"]["at"].as_i64().expect("milliseconds")).abs() < 60_000, "{seen}");
    assert_eq!((&seen["channels"], &seen["blocks"]), (&json!([ROOM]), &json!([5002])));
    member.close().await;
    let gone = async || view(&node).await["login"].is_null().then_some(());
    eventually("the login ends with its socket", gone).await;
    assert_eq!(view(&node).await["channels"], json!([]));
    let (from, until) = (now_ms() - 1000, now_ms() + 3_600_000);
    success("suspend", suspend(&node, json!({ "reason": "cheating", "from": from, "until": until })).await);
    let suspension = json!({ "reason": "cheating", "from": from, "until": until });
    assert_eq!(view(&node).await["suspension"], suspension);
    success("lift", lift(&node).await);
    assert_eq!(view(&node).await["suspension"], Value::Null);
}

#[tokio::test]
async fn a_suspension_closes_the_live_socket_and_keeps_the_player_out_until_it_is_lifted() {
    let node = Node::start().await;
    let [mut suspended] = room(&node, [5001]).await;
    success("suspend", suspend(&node, json!({ "reason": "cheating" })).await);
    assert_eq!(suspended.expect_close().await, (4003, "suspended".to_owned()));
    assert_eq!(login_status(&node).await, 403);
    success("lift", lift(&node).await);
    assert_eq!(login_status(&node).await, 200);
}

#[tokio::test]
async fn a_suspension_ends_by_itself() {
    let node = Node::start().await;
    let mut suspended = Client::connect(&node, 5001).await;
    success("suspend", suspend(&node, json!({ "reason": "spam", "until": now_ms() + 1500 })).await);
    assert_eq!(suspended.expect_close().await.0, 4003);
    assert_eq!(login_status(&node).await, 403);
    let back = async || (login_status(&node).await == 200).then_some(());
    eventually("the player is let in again", back).await;
}

#[tokio::test]
async fn a_suspension_that_begins_later_closes_the_live_socket_then() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    let from = now_ms() + 1500;
    success("suspend", suspend(&node, json!({ "reason": "cheating", "from": from })).await);
    client.expect_no_packet().await;
    assert_eq!(client.expect_close().await, (4003, "suspended".to_owned()));
    assert!(now_ms() >= from, "not before its time");
    assert_eq!(login_status(&node).await, 403);
}

#[tokio::test]
async fn a_player_who_was_never_seen_can_be_suspended() {
    let node = Node::start().await;
    success("suspend", suspend(&node, json!({})).await);
    let mut client = Client::open(&node, 5001).await;
    let body = crate::support::client::login_body(5001, &LoginKey::of(5001).sign());
    assert_eq!(client.request("CONNECT", body).await.status(), 403);
    assert_eq!(view(&node).await["suspension"]["until"], Value::Null);
}

#[tokio::test]
async fn a_suspension_that_makes_no_sense_is_refused() {
    let node = Node::start().await;
    let now = now_ms();
    let bad = [
        json!({ "from": now, "until": now }),
        json!({ "from": now, "until": now - 1 }),
        json!({ "until": now - 60_000 }),
        json!({ "from": "now" }),
        json!({ "reason": 1 }),
        json!([]),
    ];
    for body in bad {
        refused(&body.to_string(), suspend(&node, body).await, codes::BAD_REQUEST);
    }
    assert_eq!(login_status(&node).await, 200);
    success("nothing to lift", lift(&node).await);
}

#[tokio::test]
async fn a_disconnected_player_may_come_back_at_once() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    success("disconnect", disconnect(&node).await);
    assert_eq!(client.expect_close().await, (1000, String::new()));
    assert_eq!(login_status(&node).await, 200);
}

#[tokio::test]
async fn a_player_who_is_offline_cannot_be_disconnected() {
    let node = Node::start().await;
    refused("offline", disconnect(&node).await, codes::NOT_IN_SESSION);
}

#[tokio::test]
async fn the_channels_of_a_game_are_listed_in_pages() {
    let node = Node::start().await;
    let [_member] = room(&node, [5001]).await;
    node.api().create_channel("g", "GROUP").await;
    node.other_api().create_channel("there", "GROUP").await;
    let path = "/admin/v1/games/demo/channels";
    let data = success("all", get(&node, path).await);
    assert_eq!(without(data.clone(), "channels"), json!({ "page": 1, "size": 100, "totalCount": 2 }));
    let channels = data["channels"].as_array().expect("a list");
    let seen = channels.iter().find(|channel| channel["channelId"] == ROOM).expect("the room");
    assert!(seen["epoch"].is_string() && seen["sequence"].is_u64(), "{seen}");
    let described = without(without(seen.clone(), "epoch"), "sequence");
    let expected = json!({ "channelId": ROOM, "type": "PUBLIC", "channelName": ROOM, "memberCount": 1 });
    assert_eq!(described, expected);
    let mut ids = Vec::new();
    for page in ["1", "2", "3"] {
        let data = success(page, get(&node, &format!("{path}?size=1&page={page}")).await);
        ids.extend(texts(&data["channels"], "channelId").into_iter().map(str::to_owned));
    }
    ids.sort();
    assert_eq!(ids, ["g", ROOM]);
    for query in ["page=0", "size=0", "size=101", "page=x"] {
        refused(query, get(&node, &format!("{path}?{query}")).await, codes::BAD_REQUEST);
    }
}
