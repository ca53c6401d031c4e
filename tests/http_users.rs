//! Login keys, a player's channels, blocks ("Hive Chat HTTP API", operations 10 to 14).

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::support::answers::{assert_instant, codes, refused};
use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::node::{LOGIN_KEY_SECRET, OTHER_LOGIN_KEY_SECRET};
use crate::support::{Client, Node};

/// Asserts what a login key says, and that it was issued now and for an hour.
fn assert_claims(token: &str, secret: &str, game_index: i64, player: i64) {
    let header = jsonwebtoken::decode_header(token).expect("a token");
    assert_eq!(header.alg, Algorithm::HS256);
    let key = DecodingKey::from_secret(secret.as_bytes());
    let claims = jsonwebtoken::decode::<Value>(token, &key, &Validation::new(Algorithm::HS256)).expect("signed").claims;
    let issued = claims["iat"].as_i64().expect("iat is a number of seconds");
    assert_eq!(claims, json!({ "gameIndex": game_index, "playerId": player, "iat": issued, "exp": issued + 3600 }));
    assert!((now_ms() / 1000 - issued).abs() <= 10, "issued now");
}

async fn channels_of(node: &Node, player: i64) -> Value {
    success("channels", node.api().get(&format!("/users/{player}/channels")).await)
}

/// Whom a player blocks, in the order answered.
async fn blocks_of(node: &Node, player: i64) -> Vec<Value> {
    let data = success("blocks", node.api().get(&format!("/users/{player}/blocks")).await);
    let blocks = data["blocks"].as_array().expect("data.blocks is a list");
    blocks.iter().map(|block| block["playerId"].clone()).collect()
}

async fn block(node: &Node, player: i64, target: i64) -> (u16, Value) {
    node.api().post(&format!("/users/{player}/blocks/{target}"), json!({})).await
}

async fn unblock(node: &Node, player: i64, target: i64) -> (u16, Value) {
    node.api().delete(&format!("/users/{player}/blocks/{target}")).await
}

#[tokio::test]
async fn a_login_key_names_its_game_and_any_64_bit_player_for_an_hour() {
    let node = Node::start().await;
    for player in [5001, 20_000_020_208, 0, -1, i64::MAX, i64::MIN] {
        assert_claims(&node.api().token(player).await, LOGIN_KEY_SECRET, 7, player);
        assert_claims(&node.other_api().token(player).await, OTHER_LOGIN_KEY_SECRET, 8, player);
    }
}

#[tokio::test]
async fn a_login_key_is_all_that_is_answered() {
    let node = Node::start().await;
    let data = success("token", node.api().post("/users/5001/token", json!({})).await);
    assert_eq!(data.as_object().map(serde_json::Map::len), Some(1), "{data}");
    // A body is not needed.
    success("token", node.api().call(reqwest::Method::POST, "/users/5001/token", None).await);
}

#[tokio::test]
async fn a_player_id_that_is_none_is_answered_400_100() {
    let node = Node::start().await;
    for id in ["x", "1.5", "9223372036854775808", "%20"] {
        let answers = [
            node.api().post(&format!("/users/{id}/token"), json!({})).await,
            node.api().get(&format!("/users/{id}/channels")).await,
            node.api().get(&format!("/users/{id}/blocks")).await,
            node.api().post(&format!("/users/{id}/blocks/5001"), json!({})).await,
            node.api().post(&format!("/users/5001/blocks/{id}"), json!({})).await,
            node.api().delete(&format!("/users/{id}/blocks/5001")).await,
            node.api().delete(&format!("/users/5001/blocks/{id}")).await,
        ];
        for answer in answers {
            refused(id, answer, codes::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn a_players_channels_are_channel_objects_under_game_and_player() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    let mut channel = success("get", node.api().get("/channels/g").await);
    channel.as_object_mut().expect("a channel is an object").remove("members");
    assert_eq!(channels_of(&node, 5001).await, json!({ "gameIndex": 7, "playerId": 5001, "channels": [channel] }));
}

#[tokio::test]
async fn a_player_nobody_knows_is_in_no_channel_and_blocks_nobody() {
    let node = Node::start().await;
    assert_eq!(channels_of(&node, 5001).await, json!({ "gameIndex": 7, "playerId": 5001, "channels": [] }));
    assert_eq!(success("blocks", node.api().get("/users/5001/blocks").await), json!({ "blocks": [] }));
}

#[tokio::test]
async fn a_players_channels_follow_entering_leaving_and_deletion() {
    let node = Node::start().await;
    let client = Client::connect(&node, 5001).await;
    for (id, kind) in [("a", "PUBLIC"), ("b", "PRIVATE"), ("c", "GROUP")] {
        node.api().create_channel(id, kind).await;
        node.api().enter(id, 5001).await;
    }
    node.other_api().create_channel("there", "GROUP").await;
    node.other_api().enter("there", 5001).await;
    let ids = async || {
        let data = channels_of(&node, 5001).await;
        let channels = data["channels"].as_array().expect("a list");
        let mut ids: Vec<_> = channels.iter().map(|channel| channel["channelId"].to_string()).collect();
        ids.sort();
        ids.concat()
    };
    assert_eq!(ids().await, r#""a""b""c""#);
    node.api().exit("a", 5001).await;
    assert_eq!(ids().await, r#""b""c""#);
    node.api().delete_channel("b").await;
    assert_eq!(ids().await, r#""c""#);
    client.close().await;
}

#[tokio::test]
async fn a_block_is_answered_with_exactly_the_documented_keys() {
    let node = Node::start().await;
    assert_eq!(success("block", block(&node, 5001, 5002).await), json!({}));
    let data = success("blocks", node.api().get("/users/5001/blocks").await);
    let entry = &data["blocks"][0];
    assert_instant(&entry["blockedTime"], &entry["blockedTimeMillis"]);
    let expected = json!({
        "playerId": 5002,
        "blockedTime": entry["blockedTime"], "blockedTimeMillis": entry["blockedTimeMillis"],
    });
    assert_eq!(data, json!({ "blocks": [expected] }));
}

#[tokio::test]
async fn a_block_is_one_players_own_in_one_game() {
    let node = Node::start().await;
    node.api().block(5001, 5002).await;
    assert!(blocks_of(&node, 5002).await.is_empty());
    let there = success("blocks", node.other_api().get("/users/5001/blocks").await);
    assert_eq!(there["blocks"], json!([]));
    node.api().block(5002, 5001).await;
    assert_eq!(blocks_of(&node, 5001).await, [5002]);
}

#[tokio::test]
async fn a_player_is_blocked_once() {
    let node = Node::start().await;
    node.api().block(5001, 5002).await;
    refused("twice", block(&node, 5001, 5002).await, codes::ALREADY_BLOCKED);
    assert_eq!(blocks_of(&node, 5001).await, [5002]);
}

#[tokio::test]
async fn only_who_is_blocked_is_unblocked() {
    let node = Node::start().await;
    refused("nobody blocked", unblock(&node, 5001, 5002).await, codes::NOT_BLOCKED);
    node.api().block(5001, 5002).await;
    refused("another one", unblock(&node, 5001, 5003).await, codes::NOT_BLOCKED);
    assert_eq!(success("unblock", unblock(&node, 5001, 5002).await), json!({}));
    refused("twice", unblock(&node, 5001, 5002).await, codes::NOT_BLOCKED);
    assert!(blocks_of(&node, 5001).await.is_empty());
}

#[tokio::test]
async fn a_player_blocks_100_others_at_most() {
    let node = Node::builder().set("limits.api_burst", 1000).start().await;
    for target in 1..=100 {
        node.api().block(5001, target).await;
    }
    refused("one more", block(&node, 5001, 101).await, codes::BLOCK_LIST_FULL);
    refused("blocked already", block(&node, 5001, 7).await, codes::ALREADY_BLOCKED);
    assert_eq!(blocks_of(&node, 5001).await.len(), 100);
    node.api().unblock(5001, 50).await;
    node.api().block(5001, 101).await;
    node.api().block(5002, 101).await;
}

#[tokio::test]
async fn nobody_blocks_oneself() {
    let node = Node::start().await;
    refused("block", block(&node, 5001, 5001).await, codes::BAD_REQUEST);
    assert!(blocks_of(&node, 5001).await.is_empty());
}
