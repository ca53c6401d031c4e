//! HTTP requests nobody should send, through the real route table, without a socket.

use std::fmt::Write;
use std::sync::Arc;

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, Uri, header};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use guildhall::config::{self, Settings, Sources};
use guildhall::health::Health;
use guildhall::http::{self, Api};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::inputs::{any_json, any_text};
use crate::restart_after_panic::stage::Stage;
use crate::support::ROOM;
use crate::support::http::channel;
use crate::support::node::{CERTIFICATION_KEY, GAME_INDEX, LOGIN_KEY_SECRET};

const METHODS: [Method; 6] = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD];
/// Every path of the API; `{}` is filled in.
const PATHS: [&str; 16] = [
    "/v1/games/{g}/channels",
    "/v1/games/{g}/channel",
    "/v1/games/{g}/channel/one-on-one",
    "/v1/games/{g}/channels/{c}",
    "/v1/games/{g}/channels/{c}/members",
    "/v1/games/{g}/channels/{c}/members/{p}",
    "/v1/games/{g}/users/{p}/token",
    "/v1/games/{g}/users/{p}/channels",
    "/v1/games/{g}/users/{p}/blocks",
    "/v1/games/{g}/users/{p}/blocks/{p}",
    "/v1/games/{g}/notices/channel",
    "/v1/games/{g}/notices/user",
    "/v1/games/{g}/customs/channel",
    "/v1/games/{g}/customs/user",
    "/v2/games/{g}/channels/{c}/messages",
    "/v1/games/{g}/{c}",
];
const QUERY_KEYS: [&str; 9] =
    ["page", "size", "type", "playerId", "prevSize", "nextSize", "messageId", "channelId", "x"];
const QUERY_VALUES: [&str; 10] =
    ["0", "1", "10", "11", "-1", "18446744073709551616", "PUBLIC", "public", "%00", "0000000000000001-1"];
/// `code` and the statuses it comes with ("Hive Chat HTTP API, codes").
const CODES: [(i64, &[u16]); 22] = [
    (0, &[200]),
    (100, &[400, 413]),
    (101, &[401]),
    (102, &[403]),
    (103, &[404]),
    (104, &[405]),
    (108, &[503]),
    (200, &[400]),
    (201, &[400]),
    (202, &[400]),
    (203, &[400]),
    (204, &[400]),
    (300, &[400]),
    (301, &[400]),
    (302, &[400]),
    (303, &[400]),
    (304, &[400]),
    (305, &[400]),
    (306, &[400]),
    (307, &[400]),
    (308, &[403]),
    (400, &[400]),
];
/// What an error's text adds to the parts of the request that it quotes, each of which escaping may enlarge.
const ENVELOPE_BYTES: usize = 1_000;
/// Largest answer of a success: a page of ten channels, or of 50 messages.
const SUCCESS_BYTES: usize = 64 * 1024;

/// The smallest configuration with the game of the tests, and no rate limit worth the name.
fn settings(folder: &TempDir) -> Settings {
    let text = format!(
        "[store]\npath = {:?}\n[limits]\napi_per_sec = 1000000\napi_burst = 1000000\n[[games]]\nname = \"demo\"\n\
         [games.hive]\ngame_index = {GAME_INDEX}\ncertification_keys = [\"{CERTIFICATION_KEY}\"]\n\
         login_key_secret = \"{LOGIN_KEY_SECRET}\"\n",
        folder.path().join("data")
    );
    let file = folder.path().join("malformed.toml");
    std::fs::write(&file, text).expect("the folder takes a file");
    config::load(&Sources { file: Some(file), ..Sources::default() }).expect("a good configuration")
}

/// Asks `count` times, and judges every answer.
pub(super) async fn ask(chance: &mut StdRng, count: usize) {
    let (folder, stage) = (TempDir::new().expect("a temporary folder"), Stage::new());
    let _ = stage.room(guildhall_actors::ports::ChannelKind::Public, []).await;
    let health = Health::new(|| async { Ok(()) });
    let api = Data::new(Api::new(stage.backend.clone(), Arc::new(settings(&folder)), health));
    let app = init_service(App::new().configure(http::public(api))).await;
    let mut successes = 0;
    for _ in 0..count {
        let (request, told) = request(chance);
        let response = app.call(request.to_request()).await;
        let response = response.unwrap_or_else(|error| panic!("{told}: not answered: {error}"));
        successes += usize::from(check(&told, response).await);
    }
    assert!(successes > 0, "not one request was understood");
    assert!(successes < count, "nothing was malformed");
}

/// A request, and its text for the message of a failure.
fn request(chance: &mut StdRng) -> (TestRequest, String) {
    let method = METHODS[chance.random_range(0..METHODS.len())].clone();
    let uri = uri(chance);
    let body = body(chance);
    let content_type = ["application/json", "application/json; charset=utf-8", "text/plain", ""];
    let content_type = content_type[[0, 0, 0, 0, 1, 2, 3][chance.random_range(0..7)]];
    let told = format!("{method} {uri} [{content_type}] {:?}", String::from_utf8_lossy(&body));
    let mut request = TestRequest::default().method(method).uri(&uri).set_payload(body);
    if !content_type.is_empty() {
        request = request.insert_header((header::CONTENT_TYPE, content_type));
    }
    let bearer = if chance.random_bool(0.95) { CERTIFICATION_KEY } else { "another" };
    request = request.insert_header((header::AUTHORIZATION, format!("Bearer {bearer}")));
    if chance.random_bool(0.1) {
        let key = "k".repeat(chance.random_range(0..140));
        request = request.insert_header(("Idempotency-Key", key));
    }
    (request, told)
}

fn uri(chance: &mut StdRng) -> String {
    let mut uri = PATHS[chance.random_range(0..PATHS.len())].to_owned();
    for (mark, right) in [("{g}", GAME_INDEX.to_string()), ("{c}", ROOM.to_owned()), ("{p}", "5001".to_owned())] {
        while uri.contains(mark) {
            let filling = if chance.random_bool(0.85) { right.clone() } else { encoded(chance) };
            uri = uri.replacen(mark, &filling, 1);
        }
    }
    for at in 0..chance.random_range(0..3) {
        let key = QUERY_KEYS[chance.random_range(0..QUERY_KEYS.len())];
        let value = match chance.random_bool(0.7) {
            true => QUERY_VALUES[chance.random_range(0..QUERY_VALUES.len())].to_owned(),
            false => encoded(chance),
        };
        let _ = write!(uri, "{}{key}={value}", if at == 0 { '?' } else { '&' });
    }
    let uri = format!("/api{uri}");
    if uri.parse::<Uri>().is_ok() { uri } else { "/api".to_owned() }
}

/// Any bytes, percent-encoded: some are no UTF-8.
pub(super) fn encoded(chance: &mut StdRng) -> String {
    (0..chance.random_range(0..12)).fold(String::new(), |mut text, _| {
        let _ = match chance.random_range(0..3) {
            0 => write!(text, "%{:02X}", chance.random::<u8>()),
            1 => write!(text, "{}", char::from(chance.random_range(b'a'..=b'z'))),
            _ => write!(text, "{}", chance.random_range(0..100)),
        };
        text
    })
}

/// A good body of some operation with something wrong, any JSON, any text, or any bytes.
fn body(chance: &mut StdRng) -> Vec<u8> {
    let good = [
        channel("made:1", "PUBLIC"),
        channel("made:2", "PRIVATE"),
        json!({ "playerIds": [5001, 5002] }),
        json!({ "channelName": "new", "maxMemberCount": 10 }),
        json!({ "password": "pass" }),
        json!({ "channelId": ROOM, "message": "hello" }),
        json!({ "playerId": 5001, "message": "hello" }),
        json!({ "channelId": ROOM, "payload": "x" }),
    ];
    match chance.random_range(0..10) {
        0 => Vec::new(),
        1 => any_text(chance).into_bytes(),
        2 => (0..chance.random_range(0..200)).map(|_| chance.random()).collect(),
        3 => any_json(chance, 4).to_string().into_bytes(),
        4 => vec![b'x'; 65_536 + chance.random_range(0..2)],
        5 => "[".repeat(chance.random_range(1..10_000)).into_bytes(),
        6 => good[chance.random_range(0..good.len())].to_string().into_bytes(),
        _ => super::inputs::mutated(chance, &good).into_bytes(),
    }
}

/// Whether it was a success.
async fn check<B: MessageBody>(told: &str, response: ServiceResponse<B>) -> bool {
    let status = response.status().as_u16();
    let Ok(body) = actix_web::body::to_bytes(response.into_body()).await else { panic!("{told}: body broke off") };
    let answer: Value = serde_json::from_slice(&body)
        .unwrap_or_else(|error| panic!("{told}: {status} without an envelope ({error}): {body:?}"));
    let code = answer["code"].as_i64().unwrap_or_else(|| panic!("{told}: no code: {answer}"));
    let statuses = CODES.iter().find(|(known, _)| *known == code).map(|(_, statuses)| *statuses);
    assert!(statuses.is_some_and(|statuses| statuses.contains(&status)), "{told}: {status} {answer}");
    assert!(answer["message"].is_string() && answer["data"].is_object(), "{told}: {answer}");
    let keys = answer.as_object().map(|envelope| envelope.len());
    assert_eq!(keys, Some(3), "{told}: {answer}");
    let most = if code == 0 { SUCCESS_BYTES } else { 6 * told.len() + ENVELOPE_BYTES };
    assert!(body.len() <= most, "{told}: answered by {} bytes", body.len());
    code == 0
}
