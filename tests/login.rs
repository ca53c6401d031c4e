//! CONNECT and RECONNECT as the door ("Hive Chat WebSocket API", session rules and login key).

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::login_body;
use crate::support::key::{LoginKey, now_ms};
use crate::support::node::{LOGIN_KEY_SECRET, OTHER_LOGIN_KEY_SECRET};
use crate::support::{Client, Node, ROOM, room};

const SUSPENSION: &str = "/admin/v1/games/demo/players/5001/suspension";

/// Tries both ways to log in with a body; each must be refused with this status, and the socket closed after it.
async fn expect_refusal(node: &Node, body: &Value, status: i64, message: &str) {
    for packet_type in ["CONNECT", "RECONNECT"] {
        let mut client = Client::open(node, 5001).await;
        client.send(&json!({ "packetType": packet_type, "correlationId": "c1", "body": body })).await;
        let expected = format!(
            r#"{{"packetType":"RESPONSE_{packet_type}","correlationId":"c1","status":{status},"message":"{message}","body":{{}}}}"#
        );
        assert_eq!(client.next_packet().await.text, expected, "{body}");
        assert_eq!(client.expect_close().await, (1008, format!("{status} {message}")));
    }
}

async fn expect_401(node: &Node, login_key: &str) {
    expect_refusal(node, &login_body(5001, login_key), 401, "Unauthorized").await;
}

async fn expect_200(node: &Node, login_key: &str) {
    let mut client = Client::open(node, 5001).await;
    let response = client.request("CONNECT", login_body(5001, login_key)).await;
    assert_eq!(response.status(), 200, "{login_key}");
}

async fn suspend(node: &Node, suspension: Value) {
    let (status, answer) = node.admin(Method::PUT, SUSPENSION, Some(suspension)).await;
    assert!((200..300).contains(&status), "{status} {answer}");
}

#[tokio::test]
async fn an_issued_login_key_has_the_documented_claims_and_lives_an_hour() {
    let node = Node::start().await;
    let token = node.api().token(5001).await;
    let key = DecodingKey::from_secret(LOGIN_KEY_SECRET.as_bytes());
    let decoded = jsonwebtoken::decode::<Value>(&token, &key, &Validation::new(Algorithm::HS256)).expect("a good key");
    let claims = decoded.claims;
    let issued = claims["iat"].as_i64().expect("iat is a number of seconds");
    let expected = json!({ "gameIndex": 7, "playerId": 5001, "iat": issued, "exp": issued + 3600 });
    assert_eq!(claims, expected);
    assert!((now_ms() / 1000 - issued).abs() <= 10, "issued now");
}

#[tokio::test]
async fn a_login_key_serves_more_than_once() {
    let node = Node::start().await;
    let token = node.api().token(5001).await;
    for _ in 0..2 {
        expect_200(&node, &token).await;
    }
}

#[tokio::test]
async fn a_login_key_made_by_the_game_itself_is_as_good() {
    let node = Node::start().await;
    expect_200(&node, &LoginKey::of(5001).sign()).await;
}

#[tokio::test]
async fn clocks_may_differ_by_less_than_30_seconds() {
    let node = Node::start().await;
    expect_200(&node, &LoginKey::of(5001).issued(-3600).expires(-15).sign()).await;
    expect_200(&node, &LoginKey::of(5001).issued(15).sign()).await;
}

#[tokio::test]
async fn an_expired_login_key_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).issued(-3600).expires(-31).sign()).await;
}

#[tokio::test]
async fn a_login_key_from_the_future_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).issued(60).sign()).await;
}

#[tokio::test]
async fn a_login_key_without_an_end_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).claim("exp", Value::Null).sign()).await;
}

#[tokio::test]
async fn a_login_key_with_a_bad_signature_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).secret("another-secret-0123456789abcdef012345").sign()).await;
    let good = LoginKey::of(5001).sign();
    let (signed, _) = good.rsplit_once('.').expect("a token has three parts");
    expect_401(&node, &format!("{signed}.")).await;
}

#[tokio::test]
async fn a_text_that_is_no_login_key_is_refused() {
    let node = Node::start().await;
    for text in ["", "x", "..", "a.b.c", "\u{0}", &"x".repeat(5000)] {
        expect_401(&node, text).await;
    }
}

#[tokio::test]
async fn an_unsigned_login_key_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).unsigned()).await;
}

#[tokio::test]
async fn a_login_key_signed_by_another_algorithm_is_refused() {
    let node = Node::start().await;
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        expect_401(&node, &LoginKey::of(5001).algorithm(algorithm).sign()).await;
    }
}

#[tokio::test]
async fn a_login_key_of_another_player_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5002).sign()).await;
}

#[tokio::test]
async fn a_login_key_of_another_game_is_refused() {
    let node = Node::start().await;
    expect_401(&node, &LoginKey::of(5001).claim("gameIndex", json!(8)).sign()).await;
    expect_401(&node, &node.other_api().token(5001).await).await;
    // One game's secret opens no other game, whatever the claims say.
    expect_401(&node, &LoginKey::of(5001).secret(OTHER_LOGIN_KEY_SECRET).sign()).await;
}

#[tokio::test]
async fn a_login_to_an_unknown_game_is_refused() {
    let node = Node::start().await;
    let mut body = login_body(5001, &LoginKey::of(5001).claim("gameIndex", json!(99)).sign());
    body["gameIndex"] = json!(99);
    expect_refusal(&node, &body, 401, "Unauthorized").await;
}

#[tokio::test]
async fn a_login_with_a_missing_or_wrong_typed_field_is_answered_400_and_may_be_tried_again() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    let good = login_body(5001, &node.api().token(5001).await);
    let wrong =
        [("gameIndex", json!("7")), ("playerId", json!(5001.5)), ("langCode", json!(1)), ("loginKey", json!(1))];
    for packet_type in ["CONNECT", "RECONNECT"] {
        for (field, wrong) in &wrong {
            for value in [wrong, &Value::Null] {
                let mut body = good.clone();
                body[*field] = value.clone();
                let response = client.request(packet_type, body).await;
                assert_eq!((response.status(), response.body()), (400, &json!({})), "{}", response.text);
            }
        }
    }
    assert_eq!(client.request("CONNECT", good).await.status(), 200);
}

#[tokio::test]
async fn a_second_login_on_the_same_socket_is_answered_400_and_keeps_the_session() {
    let node = Node::start().await;
    let [mut client] = room(&node, [5001]).await;
    let token = node.api().token(5001).await;
    for packet_type in ["CONNECT", "RECONNECT"] {
        let response = client.request(packet_type, login_body(5001, &token)).await;
        assert_eq!((response.status(), response.body()), (400, &json!({})), "{}", response.text);
    }
    assert_eq!(client.say(ROOM, "still here").await.status(), 200);
}

#[tokio::test]
async fn a_second_login_closes_the_older_socket() {
    let node = Node::start().await;
    let mut older = Client::connect(&node, 5001).await;
    let mut newer = Client::connect(&node, 5001).await;
    assert_eq!(older.expect_close().await, (4000, "second login".to_owned()));
    newer.expect_no_packet().await;
}

#[tokio::test]
async fn a_second_login_leaves_the_channels_of_the_older_one() {
    let node = Node::start().await;
    let [mut member, _older] = room(&node, [5002, 5001]).await;
    let mut newer = Client::connect(&node, 5001).await;
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
    assert_eq!(newer.say(ROOM, "not a member").await.status(), 400);
}

#[tokio::test]
async fn the_same_player_id_in_another_game_is_another_player() {
    let node = Node::start().await;
    let mut here = Client::connect(&node, 5001).await;
    let mut there = Client::connect_to_other(&node, 5001).await;
    here.expect_no_packet().await;
    there.expect_no_packet().await;
}

#[tokio::test]
async fn a_refused_login_leaves_the_live_one_alone() {
    let node = Node::start().await;
    let mut live = Client::connect(&node, 5001).await;
    expect_401(&node, "forged").await;
    live.expect_no_packet().await;
}

#[tokio::test]
async fn a_suspended_player_is_refused_403_until_an_operator_lifts_it() {
    let node = Node::start().await;
    suspend(&node, json!({ "reason": "cheating" })).await;
    expect_refusal(&node, &login_body(5001, &LoginKey::of(5001).sign()), 403, "Forbidden").await;
    Client::connect(&node, 5002).await;
    let (status, answer) = node.admin(Method::DELETE, SUSPENSION, None).await;
    assert!((200..300).contains(&status), "{status} {answer}");
    Client::connect(&node, 5001).await;
}

#[tokio::test]
async fn a_suspension_holds_between_its_two_times() {
    let node = Node::start().await;
    let hour = 3_600_000;
    let between = |from: i64, until: i64| json!({ "reason": "x", "from": now_ms() + from, "until": now_ms() + until });
    for outside in [between(hour, 2 * hour), between(-2 * hour, -hour)] {
        suspend(&node, outside).await;
        Client::connect(&node, 5001).await;
    }
    suspend(&node, between(-hour, hour)).await;
    expect_refusal(&node, &login_body(5001, &LoginKey::of(5001).sign()), 403, "Forbidden").await;
}

#[tokio::test]
async fn player_ids_of_64_bits_survive_exactly() {
    // The second is 2^53 + 1, the first number a double cannot hold.
    for player in [20_000_020_208, 9_007_199_254_740_993, i64::MAX, -1, i64::MIN] {
        let node = Node::start().await;
        let [mut client, mut partner] = room(&node, [player, 5002]).await;
        assert_eq!(client.say(ROOM, "hi").await.status(), 200);
        for notified in [client.expect("NOTIFY_CHANNEL_CHAT").await, partner.expect("NOTIFY_CHANNEL_CHAT").await] {
            assert!(notified.text.contains(&format!(r#""from":{player},"#)), "{}", notified.text);
        }
        assert_eq!(partner.whisper(player, "hi").await.status(), 200);
        let direct = client.expect("NOTIFY_DIRECT_CHAT").await;
        assert!(direct.text.contains(&format!(r#""to":{player},"#)), "{}", direct.text);
        assert!(node.api().members(ROOM).await.contains(&player));
    }
}

#[tokio::test]
async fn a_player_id_beyond_64_bits_is_answered_400() {
    let node = Node::start().await;
    let mut client = Client::open(&node, 5001).await;
    for id in ["9223372036854775808", "-9223372036854775809", "1e3"] {
        client
            .send_text(format!(
                r#"{{"packetType":"CONNECT","body":{{"gameIndex":7,"playerId":{id},"langCode":"en","loginKey":"x"}}}}"#
            ))
            .await;
        assert_eq!(client.expect("RESPONSE_CONNECT").await.status(), 400);
    }
}
