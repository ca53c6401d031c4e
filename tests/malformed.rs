//! Input nobody should send: a million of it, and no panic, no answer out of shape, no answer larger than its cause.
//!
//! The short form makes 1,000,000 inputs for the parsers, 20,000 of them through whole connections, and 30,000 HTTP
//! requests, a third of them of play and a third webhooks. `GUILDHALL_MALFORMED=10 cargo test --test blackbox
//! malformed::` makes ten times as many of each, and `GUILDHALL_MALFORMED=100 cargo test --test blackbox
//! malformed::the_webhooks` a million webhooks. A failure prints its seed; `GUILDHALL_SEED` brings the inputs back.

mod http;
mod inputs;
mod play;
mod webhooks;

use guildhall_actors::ids::PlayerId;
use guildhall_actors::login_key;
use guildhall_actors::packet::{self, Command, Request, Status};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::restart_after_panic::stage::{Player, Stage};
use crate::seed::{Seed, amount};
use crate::support::key::{LoginKey, now_ms};
use crate::support::node::{GAME_INDEX, LOGIN_KEY_SECRET};
use inputs::{any_json, any_text, misshapen, mutated, packets};

const TEXTS: usize = 260_000;
const JSONS: usize = 260_000;
const MUTATIONS: usize = 240_000;
const CONVERSED: usize = 20_000;
const LOGIN_KEYS: usize = 220_000;
/// Of each of the two HTTP APIs, and of webhooks.
const HTTP_REQUESTS: usize = 10_000;

/// What an answer adds to the parts of its request that it repeats.
const ENVELOPE_BYTES: usize = 160;
/// Packets said on one connection before it is given up.
const PACKETS_PER_CONNECTION: usize = 50;

fn times(short: usize) -> usize {
    short * amount("GUILDHALL_MALFORMED", 1)
}

/// Feeds the parser, and judges what it makes of each input.
fn parse_all(part: u64, count: usize, mut input: impl FnMut(&mut StdRng) -> String) {
    let seed = Seed::pick();
    let mut chance = seed.generator(part);
    let mut readable = 0;
    for _ in 0..count {
        let text = input(&mut chance);
        let request = std::panic::catch_unwind(|| packet::parse(&text)).unwrap_or_else(|_| panic!("panic on {text:?}"));
        if let Ok(request) = request {
            readable += 1;
            check_request(&text, &request);
        }
    }
    assert!(readable < count, "nothing was malformed");
}

/// No part of a request is larger than its text, and neither is the answer that repeats some of them.
fn check_request(text: &str, request: &Request) {
    let id = request.correlation_id.as_deref();
    assert!(id.is_none_or(|id| id.len() <= 128), "{text:?}");
    if let Ok(command) = &request.command {
        let held = match command {
            Command::Connect(credentials) | Command::Reconnect(credentials) => {
                credentials.login_key.len() + credentials.lang_code.len() + credentials.seen().len()
            }
            Command::ChannelChat(chat) => chat.to.len() + chat.message.len() + chat.extra_data.len(),
            Command::DirectChat(chat) => chat.message.len() + chat.extra_data.len(),
            Command::Ping => 0,
        };
        assert!(held <= text.len(), "{text:?}");
    }
    let answer = packet::response(&request.kind, id, Status::BadRequest, None);
    assert!(answer.len() <= text.len() + ENVELOPE_BYTES, "{text:?} is answered by {answer:?}");
    check_answer(&serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer:?}")));
}

/// The shape of a response ("Hive Chat WebSocket API, responses").
fn check_answer(answer: &Value) {
    let packet_type = answer["packetType"].as_str().unwrap_or_default();
    assert!(packet_type == "PONG" || packet_type.starts_with("RESPONSE_"), "{answer}");
    if packet_type != "PONG" {
        let outcome = (answer["status"].as_i64(), answer["message"].as_str());
        let table = [
            (200, "OK"),
            (400, "Bad Request"),
            (400, "Too many messages"),
            (401, "Unauthorized"),
            (403, "Forbidden"),
            (409, "Conflict"),
        ];
        assert!(table.iter().any(|(status, text)| outcome == (Some(*status), Some(*text))), "{answer}");
    }
}

#[test]
fn arbitrary_text_is_read_or_refused() {
    parse_all(1, times(TEXTS), any_text);
}

#[test]
fn arbitrary_json_is_read_or_refused() {
    parse_all(2, times(JSONS), |chance| any_json(chance, 4).to_string());
}

#[test]
fn valid_packets_with_something_wrong_are_read_or_refused() {
    let packets = packets(5001);
    parse_all(3, times(MUTATIONS / 2), |chance| mutated(chance, &packets));
}

#[test]
fn valid_packets_with_something_else_wrong_are_read_or_refused() {
    let packets = packets(i64::MIN);
    parse_all(4, times(MUTATIONS / 2), |chance| mutated(chance, &packets));
}

#[test]
fn no_login_key_but_the_right_one_is_accepted() {
    let seed = Seed::pick();
    let mut chance = seed.generator(5);
    let right = LoginKey::of(5001).sign();
    let now = guildhall_actors::clock::Timestamp(now_ms());
    let is_accepted = |key: &str| {
        let (secret, leeway) = (LOGIN_KEY_SECRET.as_bytes(), std::time::Duration::from_secs(30));
        login_key::verify(secret, key, GAME_INDEX, PlayerId(5001), now, leeway)
    };
    assert!(is_accepted(&right));
    for _ in 0..times(LOGIN_KEYS) {
        let key = inputs::login_key(&mut chance, &right);
        let accepted = std::panic::catch_unwind(|| is_accepted(&key)).unwrap_or_else(|_| panic!("panic on {key:?}"));
        assert!(!accepted || key == right, "{key:?} was accepted");
    }
}

/// Says malformed packets, until the server closes or `PACKETS_PER_CONNECTION` were said; how many were.
async fn converse(player: &mut Player, chance: &mut StdRng) -> usize {
    let good = packets(player.id);
    for said in 1..=PACKETS_PER_CONNECTION {
        // Mostly packets that can be answered: what cannot be read ends the conversation.
        let text = match chance.random_range(0..40) {
            0 => any_text(chance),
            1 => any_json(chance, 3).to_string(),
            2 => mutated(chance, &good),
            _ => misshapen(chance, &good).to_string(),
        };
        let before = player.written_bytes();
        let is_dealt_with = player.say_anything(&text).await;
        if player.close_code().is_some() {
            return said;
        }
        assert!(is_dealt_with, "the connection crashed on {text:?}");
        let written = player.written_bytes() - before;
        // What others say in the channel comes, too; nobody else is there.
        assert!(written <= 2 * (text.len() + 3 * ENVELOPE_BYTES), "{text:?} is answered by {written} bytes");
    }
    PACKETS_PER_CONNECTION
}

#[actix::test]
async fn a_connection_answers_or_closes_whatever_it_is_told() {
    let seed = Seed::pick();
    let mut chance = seed.generator(6);
    let stage = Stage::new();
    let _ = stage.room(guildhall_actors::ports::ChannelKind::Public, []).await;
    let (mut said, mut connections) = (0, 0);
    while said < times(CONVERSED) {
        connections += 1;
        let player = 5001 + connections % 7;
        // A login costs the disk some work, so that there are fewer of them than of strangers.
        let is_logged_in = chance.random_bool(0.25);
        let mut player = if is_logged_in { stage.log_in(player, "CONNECT").await } else { stage.connection(player) };
        said += converse(&mut player, &mut chance).await;
        for packet in player.packets() {
            let packet_type = packet["packetType"].as_str().unwrap_or_default();
            if !packet_type.starts_with("NOTIFY_") {
                check_answer(&packet);
            }
        }
        let codes = [None, Some(1007), Some(1008), Some(4000)];
        assert!(codes.contains(&player.close_code()), "{:?}", player.close_code());
    }
    // The node is as good as new.
    let mut player = stage.log_in(6001, "CONNECT").await;
    assert_eq!(player.say("hello").await, 400, "not a member");
}

#[actix::test]
async fn the_http_api_answers_in_its_envelope_whatever_it_is_asked() {
    let seed = Seed::pick();
    http::ask(&mut seed.generator(7), times(HTTP_REQUESTS)).await;
}

#[actix::test]
async fn the_play_api_answers_in_its_envelope_whatever_it_is_asked() {
    let seed = Seed::pick();
    play::ask(&mut seed.generator(8), times(HTTP_REQUESTS)).await;
}

#[actix::test]
async fn the_webhooks_answer_in_the_shape_of_their_platform_whatever_they_are_sent() {
    let seed = Seed::pick();
    webhooks::ask(&mut seed.generator(9), times(HTTP_REQUESTS)).await;
}
