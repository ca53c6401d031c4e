//! What surrounds every operation of the PlayWave API: envelope, ids, keys, bodies, rates, and the order of the checks.

use std::collections::HashSet;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::support::arcade::{Arcade, DEMO_KEY, OTHER_KEY};
use crate::support::key::now_ms;
use crate::support::node::ADMIN_KEY;
use crate::support::play::{
    Answer, CHECK, END, HEARTBEAT, LAUNCHER_END, LAUNCHER_HEARTBEAT, OTT, START, VERIFY, codes,
};

const OF_GAMES: [(Method, &str); 4] = [VERIFY, HEARTBEAT, END, CHECK];
const OF_LAUNCHERS: [(Method, &str); 4] = [START, OTT, LAUNCHER_HEARTBEAT, LAUNCHER_END];
const JSON: (&str, &str) = ("Content-Type", "application/json");
const KEY: (&str, &str) = ("X-Api-Key", DEMO_KEY);

/// A call of a game server with any body.
async fn post(arcade: &Arcade, operation: (Method, &str), content_type: &str, body: impl Into<String>) -> Answer {
    arcade.venue.call(operation, &[KEY, (CONTENT_TYPE.as_str(), content_type)], body.into()).await
}

#[tokio::test]
async fn success_and_error_have_the_documented_envelope() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let beat = seat.session.heartbeat().await;
    let id = beat.request_id();
    let expected = json!({
        "success": true,
        "request_id": id,
        "data": { "result": "OK", "next_heartbeat_in": 120, "play_duration_sec": 0 },
    });
    assert_eq!(beat.body, expected);
    assert_eq!(beat.headers[CONTENT_TYPE], "application/json");
    let refused = arcade.game_server("wrong").verify("x", "1").await;
    refused.refused(codes::INVALID_API_KEY);
    assert_eq!(refused.headers[CONTENT_TYPE], "application/json");
    assert_ne!(refused.request_id(), id);
}

#[tokio::test]
async fn an_error_tells_its_time_in_utc_with_milliseconds() {
    let arcade = Arcade::open().await;
    let refused = arcade.game_server("wrong").verify("x", "1").await;
    let text = refused.body["error"]["timestamp"].as_str().expect("a text");
    let instant: jiff::Timestamp = text.parse().expect("an instant");
    assert_eq!(format!("{instant:.3}"), text);
    assert!((now_ms() - instant.as_millisecond()).abs() < 60_000, "{text}");
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let mut ids = HashSet::new();
    for _ in 0..10 {
        let (good, bad) = (seat.session.heartbeat().await, arcade.demo().verify("x", "1").await);
        bad.refused(codes::BAD_REQUEST);
        for answer in [good, bad] {
            let id = answer.request_id();
            let opaque = id.strip_prefix("req_").expect("the prefix");
            let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            assert!((12..=32).contains(&opaque.len()) && opaque.bytes().all(allowed), "{id}");
            assert!(ids.insert(id.to_owned()), "{id} came twice");
        }
    }
}

#[tokio::test]
async fn ids_are_uuids_in_lower_case_behind_their_prefix() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let token = seat.launcher.token("demo").await;
    for (id, prefix) in [(&seat.session.id, "gs_"), (&seat.launcher.id, "ls_"), (&token, "")] {
        let digits = id.strip_prefix(prefix).expect("the prefix");
        let groups: Vec<_> = digits.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        assert!(digits.bytes().all(is_hex), "{id}");
    }
}

#[tokio::test]
async fn without_the_api_key_of_a_game_nothing_is_done() {
    let arcade = Arcade::open().await;
    for operation in OF_GAMES {
        arcade.venue.call(operation.clone(), &[JSON], "{}".into()).await.refused(codes::INVALID_API_KEY);
        for wrong in ["", "wrong", ADMIN_KEY, &DEMO_KEY[1..], &DEMO_KEY.to_uppercase()] {
            let answer = arcade.venue.call(operation.clone(), &[JSON, ("X-Api-Key", wrong)], "{}".into()).await;
            answer.refused(codes::INVALID_API_KEY);
        }
        let bearer = [JSON, ("Authorization", &format!("Bearer {DEMO_KEY}"))];
        arcade.venue.call(operation, &bearer, "{}".into()).await.refused(codes::INVALID_API_KEY);
    }
}

#[tokio::test]
async fn during_a_rotation_both_api_keys_of_a_game_work() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let next = arcade.game_server("next-api-key-of-demo-0123456789");
    seat.session.seen_by(next, "5001").heartbeat().await.told("OK", 120, 0);
}

#[tokio::test]
async fn an_unknown_path_is_answered_404_and_a_wrong_method_405_before_any_key_is_asked_for() {
    let arcade = Arcade::open().await;
    for path in ["/v1/game/session", "/v1/game/session/status", "/v1/game/session/verify/", "/v1/game", "/v1/launcher"]
    {
        arcade.venue.call((Method::POST, path), &[], String::new()).await.refused(codes::NOT_FOUND);
    }
    for (right, path) in OF_GAMES.into_iter().chain(OF_LAUNCHERS) {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if method != right {
                arcade.venue.call((method, path), &[], String::new()).await.refused(codes::METHOD_NOT_ALLOWED);
            }
        }
    }
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let body = json!({ "game_session_id": seat.session.id, "provider_user_id": "5001" }).to_string();
    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        post(&arcade, HEARTBEAT, content_type, body.as_str()).await.told("OK", 120, 0);
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        post(&arcade, HEARTBEAT, content_type, body.as_str()).await.refused(codes::BAD_REQUEST);
    }
    arcade.venue.call(HEARTBEAT, &[KEY], body).await.refused(codes::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_no_json_object_is_a_bad_request_everywhere() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let bearer = format!("Bearer {}", launcher.session_token);
    let headers = [KEY, JSON, ("Authorization", bearer.as_str())];
    for operation in OF_GAMES.into_iter().chain([OTT, LAUNCHER_HEARTBEAT, LAUNCHER_END]) {
        for body in ["", "{", "null", "[]", "\"x\"", "7", "{}", "{\"a\":}", "\u{0}"] {
            arcade.venue.call(operation.clone(), &headers, body.into()).await.refused(codes::BAD_REQUEST);
        }
    }
}

#[tokio::test]
async fn fields_nobody_knows_are_ignored() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let body = json!({ "game_session_id": seat.session.id, "provider_user_id": "5001", "mood": { "x": [1] } });
    arcade.demo().call(HEARTBEAT, &body).await.told("OK", 120, 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_413() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let mut body = json!({ "game_session_id": seat.session.id, "provider_user_id": "5001" }).to_string();
    body.extend(std::iter::repeat_n(' ', 65_536 - body.len()));
    post(&arcade, HEARTBEAT, "application/json", body.as_str()).await.told("OK", 120, 0);
    body.push(' ');
    post(&arcade, HEARTBEAT, "application/json", body.as_str()).await.refused(codes::BODY_TOO_LARGE);
    let bearer = format!("Bearer {}", seat.launcher.session_token);
    let of_launcher = arcade.venue.call(OTT, &[JSON, ("Authorization", &bearer)], body.clone()).await;
    of_launcher.refused(codes::BODY_TOO_LARGE);
    arcade.venue.call(START, &[JSON], body).await.refused(codes::BODY_TOO_LARGE);
}

#[tokio::test]
async fn a_key_over_its_rate_is_answered_429_and_told_when_to_come_back() {
    let arcade = Arcade::open_alone("limits.api_per_sec = 2\nlimits.api_burst = 5").await;
    let demo = arcade.demo();
    for _ in 0..5 {
        demo.verify("x", "1").await.refused(codes::BAD_REQUEST);
    }
    let refused = demo.verify("x", "1").await;
    refused.refused(codes::RATE_LIMITED);
    assert_eq!(refused.headers["retry-after"], "1");
    // Another key has a rate of its own.
    arcade.other().verify("x", "1").await.refused(codes::BAD_REQUEST);
    arcade.game_server("next-api-key-of-demo-0123456789").verify("x", "1").await.refused(codes::BAD_REQUEST);
    arcade.advance(1);
    for code in [codes::BAD_REQUEST, codes::BAD_REQUEST, codes::RATE_LIMITED] {
        demo.verify("x", "1").await.refused(code);
    }
}

#[tokio::test]
async fn launchers_and_cafes_have_rates_of_their_own() {
    let arcade = Arcade::open_alone("limits.api_per_sec = 1\nlimits.api_burst = 3").await;
    let launcher = arcade.east().launcher("pc-1").await;
    for _ in 0..3 {
        launcher.heartbeat().await.data();
    }
    launcher.heartbeat().await.refused(codes::RATE_LIMITED);
    arcade.east().launcher("pc-2").await.heartbeat().await.data();
    arcade.east().launcher("pc-3").await;
    let refused = arcade.east().start(&json!({})).await;
    refused.refused(codes::RATE_LIMITED);
    assert_eq!(refused.headers["retry-after"], "1");
    arcade.west().launcher("pc-1").await;
}

#[tokio::test]
async fn the_checks_come_in_their_order() {
    let arcade = Arcade::open_alone("limits.api_per_sec = 1\nlimits.api_burst = 1").await;
    let nobody = "gs_00000000-0000-4000-8000-000000000000";
    // The method before the key, the key before the rate, the rate before the body, the body before the session.
    arcade.venue.call((Method::GET, HEARTBEAT.1), &[], "{".into()).await.refused(codes::METHOD_NOT_ALLOWED);
    arcade.venue.call(HEARTBEAT, &[], "{".into()).await.refused(codes::INVALID_API_KEY);
    post(&arcade, HEARTBEAT, "text/plain", "{").await.refused(codes::BAD_REQUEST);
    post(&arcade, HEARTBEAT, "text/plain", "{").await.refused(codes::RATE_LIMITED);
    arcade.venue.call(HEARTBEAT, &[JSON, ("X-Api-Key", "wrong")], "{".into()).await.refused(codes::INVALID_API_KEY);
    arcade.advance(1);
    let bad_user = json!({ "game_session_id": nobody, "provider_user_id": 5001 });
    arcade.demo().call(HEARTBEAT, &bad_user).await.refused(codes::BAD_REQUEST);
    arcade.advance(1);
    let good = json!({ "game_session_id": nobody, "provider_user_id": "5001" });
    arcade.demo().call(HEARTBEAT, &good).await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn a_session_of_another_game_is_unknown_before_it_is_ended() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    seat.session.end().await.data();
    let stranger = seat.session.seen_by(arcade.game_server(OTHER_KEY), "5001");
    stranger.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    stranger.check().await.refused(codes::SESSION_NOT_FOUND);
    stranger.end().await.refused(codes::SESSION_NOT_FOUND);
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
}

#[tokio::test]
async fn a_store_that_fails_is_answered_500_and_the_call_can_be_repeated() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.spoil_store().await;
    for _ in 0..2 {
        seat.session.end().await.refused(codes::INTERNAL_ERROR);
    }
    arcade.mend_store().await;
    seat.session.heartbeat().await.told("OK", 120, 0);
    assert_eq!(seat.session.end().await.data()["result"], "SUCCESS");
    assert_eq!(arcade.ending(&seat.session).await, ("normal".to_owned(), 0));
}
