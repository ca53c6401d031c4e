//! Webhooks nobody should send, signed and authorised as if a platform had sent them, through the real route table.

use std::sync::Arc;

use actix_web::App;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use guildhall::config::{self, Settings, Sources};
use guildhall::health::Health;
use guildhall::http::{self, Api};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::encoded;
use super::inputs::{any_json, any_text, mutated};
use crate::restart_after_panic::stage::Stage;
use crate::support::key::now_ms;
use crate::support::node::{GAME_INDEX, LOGIN_KEY_SECRET};
use crate::support::play::signature;
use crate::support::webhooks::{AGHANIM, HALL_ID, SIGNATURE, SUSPENSIONS, TIMESTAMP, event, row, update};

const SECRET: &str = "webhook-secret-of-demo";
const BEARER: &str = "suspension-key-of-demo";
const TYPES: [&str; 6] = ["player.update", "player.verify", "item.add", "order.paid", "player.lookup", "nothing.known"];
/// Longest answer: none repeats its request.
const ANSWER_BYTES: usize = 1_000;

fn settings(folder: &TempDir) -> Settings {
    let text = format!(
        "[store]\npath = {:?}\n[[games]]\nname = \"demo\"\n[games.hive]\ngame_index = {GAME_INDEX}\n\
         certification_keys = [\"certification-key-of-demo\"]\nlogin_key_secret = \"{LOGIN_KEY_SECRET}\"\n\
         suspension_keys = [\"{BEARER}\"]\n[games.aghanim]\ngame_id = \"{HALL_ID}\"\n\
         webhook_secrets = [\"{SECRET}\"]\nunknown_players = \"create\"\nplayer_verify = true\n",
        folder.path().join("data")
    );
    let file = folder.path().join("malformed.toml");
    std::fs::write(&file, text).expect("the folder takes a file");
    config::load(&Sources { file: Some(file), ..Sources::default() }).expect("a good configuration")
}

/// Asks `count` times, and judges every answer.
pub(super) async fn ask(chance: &mut StdRng, count: usize) {
    let (folder, stage) = (TempDir::new().expect("a temporary folder"), Stage::new());
    let health = Health::new(|| async { Ok(()) });
    let api = Data::new(Api::new(stage.backend.clone(), Arc::new(settings(&folder)), health));
    let app = init_service(App::new().configure(http::public(api))).await;
    let mut taken = [0, 0];
    for _ in 0..count {
        let is_hive = chance.random();
        let (request, told) = if is_hive { suspensions(chance) } else { aghanim(chance) };
        let response = app.call(request.to_request()).await;
        let response = response.unwrap_or_else(|error| panic!("{told}: not answered: {error}"));
        let (status, answer) = read(&told, response).await;
        let is_taken = if is_hive { check_hive(&told, status, &answer) } else { check_aghanim(&told, status, &answer) };
        taken[usize::from(is_hive)] += usize::from(is_taken);
    }
    assert!(taken.iter().all(|taken| *taken > 0), "nothing was ever taken: {taken:?}");
    assert!(taken.iter().sum::<usize>() < count, "nothing was malformed");
}

fn method(chance: &mut StdRng) -> Method {
    let any = [Method::GET, Method::PUT, Method::DELETE, Method::PATCH];
    if chance.random_bool(0.97) { Method::POST } else { any[chance.random_range(0..any.len())].clone() }
}

/// The good body, the same with something wrong, any JSON, any text, or any bytes.
fn body(chance: &mut StdRng, good: &Value) -> Vec<u8> {
    match chance.random_range(0..40) {
        0 => Vec::new(),
        1 => any_text(chance).into_bytes(),
        2 => (0..chance.random_range(0..200)).map(|_| chance.random()).collect(),
        3 => any_json(chance, 4).to_string().into_bytes(),
        4 => "[{\"data\":".repeat(chance.random_range(1..10_000)).into_bytes(),
        5..10 => good.to_string().into_bytes(),
        _ => mutated(chance, std::slice::from_ref(good)).into_bytes(),
    }
}

fn with_headers(request: TestRequest, headers: [(&str, String); 3], chance: &mut StdRng) -> TestRequest {
    headers.into_iter().fold(request, |request, (name, right)| match chance.random_range(0..100) {
        0 => request,
        1 => request.insert_header((name, encoded(chance))),
        _ => request.insert_header((name, right)),
    })
}

/// A request, and its text for the message of a failure.
fn aghanim(chance: &mut StdRng) -> (TestRequest, String) {
    let fields = json!({ "name": "Ann", "email": "ann@example.test", "avatar_url": "https://a.test/1" });
    let good = match TYPES[chance.random_range(0..TYPES.len())] {
        "player.update" => update(chance.random_range(5001..5011), fields),
        other => event(other, json!({ "player_id": "5001", "items": [{ "sku": "x", "quantity": 1 }] })),
    };
    let body = body(chance, &good);
    let timestamp = (now_ms() / 1000).to_string();
    let told = format!("{AGHANIM} {:?}", String::from_utf8_lossy(&body));
    let signed = signature(SECRET, &timestamp, &body);
    let headers = [("content-type", "application/json".to_owned()), (TIMESTAMP, timestamp), (SIGNATURE, signed)];
    let request = TestRequest::default().method(method(chance)).uri(AGHANIM).set_payload(body);
    (with_headers(request, headers, chance), told)
}

fn suspensions(chance: &mut StdRng) -> (TestRequest, String) {
    let dates = ["2025-01-01 00:00:00", "9999-12-31 00:00:00", "2030-02-28 23:59:59", "2024-02-29 12:00:00"];
    let mut date = || dates[chance.random_range(0..dates.len())];
    let (from, until) = (date(), date());
    let rows: Vec<_> = (0..chance.random_range(0..5))
        .map(|_| row(chance.random_range(5001..5011), ["P", "B"][chance.random_range(0..2)], from, until))
        .collect();
    let mut good = json!({ "game_index": GAME_INDEX, "server_url": "https://a.test", "data": rows });
    let at = chance.random_range(0..5);
    if at < rows.len() && chance.random() {
        // What is wrong lies in a row, where a change at the top seldom gets.
        let text = mutated(chance, std::slice::from_ref(&rows[at]));
        good["data"][at] = serde_json::from_str(&text).unwrap_or(json!(text));
    }
    let body = body(chance, &good);
    let told = format!("{SUSPENSIONS} {:?}", String::from_utf8_lossy(&body));
    let headers = [
        ("content-type", "application/json".to_owned()),
        (header::AUTHORIZATION.as_str(), format!("Bearer {BEARER}")),
        ("x-unknown", encoded(chance)),
    ];
    let request = TestRequest::default().method(method(chance)).uri(SUSPENSIONS).set_payload(body);
    (with_headers(request, headers, chance), told)
}

async fn read<B: MessageBody>(told: &str, response: ServiceResponse<B>) -> (u16, Value) {
    let status = response.status().as_u16();
    let Ok(body) = to_bytes(response.into_body()).await else { panic!("{told}: body broke off") };
    assert!(body.len() <= ANSWER_BYTES, "{told}: answered by {} bytes", body.len());
    let answer = serde_json::from_slice(&body);
    (status, answer.unwrap_or_else(|error| panic!("{told}: {status} is no JSON ({error}): {body:?}")))
}

/// Whether it was taken ("Aghanim webhooks", 5.1 and 8.2).
fn check_aghanim(told: &str, status: u16, answer: &Value) -> bool {
    let keys: Vec<_> = answer.as_object().map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default();
    if *answer == json!({ "status": "ok" }) {
        assert!([200, 202].contains(&status), "{told}: {status} {answer}");
        return true;
    }
    let empty = [json!({ "status": "ok", "data": [] }), json!({ "status": "ok", "items": [] })];
    if empty.contains(answer) {
        let wants_payload = ["player.lookup", "store.get"].iter().any(|event_type| told.contains(event_type));
        assert!(status == 200 && wants_payload, "{told}: {status} {answer}");
        return true;
    }
    if keys.contains(&"player_id") {
        assert!(status == 200 && told.contains("player.verify"), "{told}: {status} {answer}");
        return true;
    }
    assert_eq!((keys, &answer["status"]), (vec!["status", "code", "message"], &json!("error")), "{told}: {status}");
    let table: &[u16] = match answer["code"].as_str() {
        Some("invalid_signature") => &[403],
        Some("validation_error") => &[200, 400],
        Some("not_found") => &[200, 404],
        _ => &[405, 413],
    };
    assert!(table.contains(&status), "{told}: {status} {answer}");
    false
}

/// Whether it was taken ("Hive user suspension", 3).
fn check_hive(told: &str, status: u16, answer: &Value) -> bool {
    let table = [(200, 0), (401, 4002), (405, 4050), (415, 4150), (400, 4000), (413, 4130)];
    let is_known =
        table.iter().any(|(known, code)| (*known, json!({ "result_code": code })) == (status, answer.clone()));
    assert!(is_known, "{told}: {status} {answer}");
    status == 200
}
