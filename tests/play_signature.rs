//! How a launcher proves its cafe: a signature over its body, and the network it calls from.

use reqwest::Method;
use serde_json::json;

use crate::support::arcade::{Arcade, CAFE_SECRET, DEMO_KEY, START_MS};
use crate::support::http::success;
use crate::support::play::{Cafe, START, codes, pc, signature};

fn now() -> String {
    (START_MS / 1000).to_string()
}

#[tokio::test]
async fn every_part_of_the_signature_is_needed() {
    let arcade = Arcade::open().await;
    let (body, at) = (pc("pc-1"), now());
    let signed = signature(CAFE_SECRET, &at, body.to_string());
    let all = [("X-Cafe-Id", "east"), ("X-Timestamp", &*at), ("X-Signature", &*signed)];
    arcade.east().start_with(&all, &body).await.data();
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(left_out);
        arcade.east().start_with(&some, &body).await.refused(codes::INVALID_SIGNATURE);
        some.push((all[left_out].0, ""));
        arcade.east().start_with(&some, &body).await.refused(codes::INVALID_SIGNATURE);
    }
}

#[tokio::test]
async fn who_proves_nobody_too_often_is_told_429_and_others_are_heard() {
    let limits = "limits.failures_per_ip_per_sec = 1\nlimits.failures_per_ip_burst = 3";
    let arcade = Arcade::open_alone(limits).await;
    let stranger = Cafe { secret: "not-the-secret-of-the-cafe".to_owned(), ..arcade.east() }.from("127.0.0.66");
    let launcher = arcade.east().launcher("pc-1").await;
    for _ in 0..3 {
        stranger.start(&pc("pc-2")).await.refused(codes::INVALID_SIGNATURE);
    }
    stranger.start(&pc("pc-2")).await.refused(codes::RATE_LIMITED);
    arcade.east().from("127.0.0.66").start(&pc("pc-2")).await.refused(codes::RATE_LIMITED);
    launcher.heartbeat().await.data();
    arcade.advance(1);
    arcade.east().from("127.0.0.66").start(&pc("pc-2")).await.data();
}

#[tokio::test]
async fn only_the_right_signature_counts() {
    let arcade = Arcade::open().await;
    let (body, at) = (pc("pc-1"), now());
    let text = body.to_string();
    let right = signature(CAFE_SECRET, &at, &text);
    let wrong = [
        right.to_uppercase(),
        right[1..].to_owned(),
        format!("{right}0"),
        format!("sha256={right}"),
        signature("another-secret-0123456789", &at, &text),
        signature(DEMO_KEY, &at, &text),
        signature(CAFE_SECRET, &at, pc("pc-2").to_string()),
        signature(CAFE_SECRET, &at, ""),
        signature(CAFE_SECRET, "", &text),
        signature(CAFE_SECRET, &format!("{at}."), &text),
        "0".repeat(64),
    ];
    for wrong in &wrong {
        let headers = [("X-Cafe-Id", "east"), ("X-Timestamp", &at), ("X-Signature", wrong)];
        arcade.east().start_with(&headers, &body).await.refused(codes::INVALID_SIGNATURE);
    }
    for cafe in ["west", "nowhere", "EAST", "ea st"] {
        let headers = [("X-Cafe-Id", cafe), ("X-Timestamp", &at), ("X-Signature", &right)];
        arcade.east().start_with(&headers, &body).await.refused(codes::INVALID_SIGNATURE);
    }
}

#[tokio::test]
async fn the_signature_is_over_the_bytes_as_they_were_sent() {
    let arcade = Arcade::open().await;
    let at = now();
    let body = "{ \"pc_id\" : \"pc-1\",\n \"internal_ip\":\"192.168.0.10\" }";
    let signed = signature(CAFE_SECRET, &at, body);
    let headers =
        [("Content-Type", "application/json"), ("X-Cafe-Id", "east"), ("X-Timestamp", &*at), ("X-Signature", &*signed)];
    arcade.venue.call(START, &headers, body.to_owned()).await.data();
    arcade.venue.call(START, &headers, format!("{body} ")).await.refused(codes::INVALID_SIGNATURE);
}

#[tokio::test]
async fn a_timestamp_may_be_off_by_300_seconds() {
    let arcade = Arcade::open().await;
    let east = arcade.east();
    let at = |off: i64| (START_MS / 1000 + off).to_string();
    arcade.advance_ms(999);
    for off in [-300, -1, 0, 1, 300] {
        east.start_signed_at(&at(off), &pc("pc-1")).await.data();
    }
    for off in [-301, 301, -86_400, 86_400] {
        east.start_signed_at(&at(off), &pc("pc-1")).await.refused(codes::INVALID_SIGNATURE);
    }
    let millis = START_MS.to_string();
    for odd in [millis.as_str(), "", "now", "-1", "1e9", &format!("+{}", at(0)), &format!("{}.0", at(0))] {
        east.start_signed_at(odd, &pc("pc-1")).await.refused(codes::INVALID_SIGNATURE);
    }
}

#[tokio::test]
async fn the_skew_is_a_setting() {
    let arcade = Arcade::open_with("playwave.signature_sec = 10").await;
    let at = |off: i64| (START_MS / 1000 + off).to_string();
    arcade.east().start_signed_at(&at(-10), &pc("pc-1")).await.data();
    arcade.east().start_signed_at(&at(-11), &pc("pc-1")).await.refused(codes::INVALID_SIGNATURE);
}

#[tokio::test]
async fn a_launcher_calls_from_a_network_of_its_cafe() {
    let arcade = Arcade::open().await;
    for there in ["198.51.100.7", "198.51.100.255", "::ffff:198.51.100.7", "2001:db8::7", "6.6.6.6, 198.51.100.7"] {
        arcade.west().from(there).start(&pc("pc-1")).await.data();
    }
    for elsewhere in ["198.51.101.7", "127.0.0.1", "2001:db8::8", "198.51.100.7, 6.6.6.6", "nonsense", ""] {
        arcade.west().from(elsewhere).start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
    }
    arcade.east().start(&pc("pc-1")).await.data();
    arcade.east().from("198.51.100.7").start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
}

#[tokio::test]
async fn the_signature_comes_before_the_network_and_the_network_before_the_body() {
    let arcade = Arcade::open().await;
    let elsewhere = arcade.west().from("6.6.6.6");
    let unsigned = Cafe { secret: "another-secret-0123456789".to_owned(), ..elsewhere.clone() };
    unsigned.start(&json!({})).await.refused(codes::INVALID_SIGNATURE);
    elsewhere.start(&json!({})).await.refused(codes::NOT_PC_CAFE);
    arcade.west().start(&json!({})).await.refused(codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_cafe_an_operator_made_signs_with_the_secret_it_was_told() {
    let arcade = Arcade::open().await;
    let body = json!({ "id": "north", "networks": ["203.0.113.0/24"], "balance": 5 });
    let made = success("create", arcade.operator(Method::POST, "/admin/v1/cafes", Some(body)).await);
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let north = Cafe { id: "north".to_owned(), secret, ..arcade.east() }.from("203.0.113.9");
    let launcher = north.launcher("pc-1").await;
    let session = arcade.demo().session(&launcher.token("demo").await, "5001").await;
    session.end().await.data();
    assert_eq!(arcade.account("north").await, (4, 5, 1));
    north.clone().from("203.0.114.9").start(&pc("pc-1")).await.refused(codes::NOT_PC_CAFE);
    let guessed = Cafe { secret: CAFE_SECRET.to_owned(), ..north };
    guessed.start(&pc("pc-1")).await.refused(codes::INVALID_SIGNATURE);
}
