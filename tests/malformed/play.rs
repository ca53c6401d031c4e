//! Requests of play nobody should send, through the real route table, without a socket.
//!
//! Some of them are good: they bring tokens and sessions, which the others then spoil.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::App;
use actix_web::body::{MessageBody, to_bytes};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::{Method, Uri, header};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::Data;
use guildhall::config::{self, Settings, Sources};
use guildhall::health::Health;
use guildhall::http::{self, Api};
use guildhall_actors::ids::CafeId;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::encoded;
use super::inputs::{any_json, any_text};
use crate::restart_after_panic::stage::Stage;
use crate::support::key::now_ms;
use crate::support::play::{
    CHECK, END, HEARTBEAT, LAUNCHER_END, LAUNCHER_HEARTBEAT, OTT, START, VERIFY, pc, signature,
};

const OPERATIONS: [(reqwest::Method, &str); 8] =
    [VERIFY, HEARTBEAT, END, CHECK, START, OTT, LAUNCHER_HEARTBEAT, LAUNCHER_END];
const METHODS: [Method; 6] = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::HEAD];
const API_KEY: &str = "api-key-of-demo-0123456789";
const SECRET: &str = "secret-of-cafe-east-0123456789";
/// `error.code` and the statuses it comes with ("PlayWave API, error codes"). None of a failure, none of a rate.
const CODES: [(&str, &[u16]); 13] = [
    ("BAD_REQUEST", &[400, 413]),
    ("INVALID_API_KEY", &[401]),
    ("INVALID_SIGNATURE", &[401]),
    ("INVALID_TOKEN", &[401]),
    ("NOT_PC_CAFE", &[403]),
    ("NOT_FOUND", &[404]),
    ("GAME_NOT_FOUND", &[404]),
    ("SESSION_NOT_FOUND", &[404]),
    ("METHOD_NOT_ALLOWED", &[405]),
    ("ALREADY_ENDED", &[409]),
    ("SESSION_ENDED", &[410]),
    ("SESSION_ENDING", &[410]),
    ("LAUNCHER_SESSION_ENDED", &[410]),
];
/// What an answer adds to the parts of the request that it quotes, each of which escaping may enlarge.
const ENVELOPE_BYTES: usize = 1_000;

/// What the answers have told so far.
#[derive(Default)]
struct Known {
    ott: String,
    game_session_id: String,
    launcher_session_id: String,
    session_token: String,
}

fn settings(folder: &TempDir) -> Settings {
    let text = format!(
        "[store]\npath = {:?}\n[limits]\napi_per_sec = 1000000\napi_burst = 1000000\nfailures_per_ip_burst = 1000000\n[[games]]\nname = \"demo\"\n\
         [games.playwave]\napi_keys = [\"{API_KEY}\"]\n[[cafes]]\nid = \"east\"\nsecret = \"{SECRET}\"\n\
         networks = [\"127.0.0.1\"]\n",
        folder.path().join("data")
    );
    let file = folder.path().join("malformed.toml");
    std::fs::write(&file, text).expect("the folder takes a file");
    config::load(&Sources { file: Some(file), ..Sources::default() }).expect("a good configuration")
}

/// Asks `count` times, and judges every answer.
pub(super) async fn ask(chance: &mut StdRng, count: usize) {
    let (folder, stage) = (TempDir::new().expect("a temporary folder"), Stage::new());
    let east = CafeId::parse("east").expect("a cafe id");
    stage.backend.open_account(&east, 1_000_000_000).await.expect("a new account");
    let health = Health::new(|| async { Ok(()) });
    let api = Data::new(Api::new(stage.backend.clone(), Arc::new(settings(&folder)), health));
    let app = init_service(App::new().configure(http::public(api))).await;
    let (mut known, mut successes, mut sessions) = (Known::default(), 0, 0);
    for _ in 0..count {
        let (request, told) = request(chance, &known);
        let response = app.call(request.to_request()).await;
        let response = response.unwrap_or_else(|error| panic!("{told}: not answered: {error}"));
        if let Some(data) = check(&told, response).await {
            successes += 1;
            sessions += usize::from(data["is_valid"] == true && told.contains(VERIFY.1));
            known.learn(&data);
        }
    }
    assert!(sessions > 0, "nobody ever played");
    assert!(successes < count, "nothing was malformed");
}

impl Known {
    fn learn(&mut self, data: &Value) {
        let places = [
            ("ott", &mut self.ott),
            ("game_session_id", &mut self.game_session_id),
            ("launcher_session_id", &mut self.launcher_session_id),
            ("session_token", &mut self.session_token),
        ];
        for (key, place) in places {
            if let Some(text) = data[key].as_str() {
                text.clone_into(place);
            }
        }
    }

    /// What a good request of this operation says.
    fn good(&self, path: &str) -> Value {
        let session = json!({ "game_session_id": self.game_session_id, "provider_user_id": "5001" });
        match path {
            path if path == VERIFY.1 => json!({ "ott": self.ott, "provider_user_id": "5001" }),
            path if path == END.1 => json!({ "game_session_id": self.game_session_id, "play_duration_sec": 7 }),
            path if path == START.1 => pc("pc-1"),
            path if path == OTT.1 => json!({ "game_id": "demo" }),
            path if path.starts_with("/v1/launcher") => json!({ "launcher_session_id": self.launcher_session_id }),
            _ => session,
        }
    }
}

/// A request, and its text for the message of a failure.
fn request(chance: &mut StdRng, known: &Known) -> (TestRequest, String) {
    let (right, path) = &OPERATIONS[chance.random_range(0..OPERATIONS.len())];
    let body = body(chance, &known.good(path));
    let any = &METHODS[chance.random_range(0..METHODS.len())];
    let method = if chance.random_bool(0.9) { right.as_str().parse().expect("a method") } else { any.clone() };
    let uri = uri(chance, path);
    let content_type = ["application/json", "application/json; charset=utf-8", "text/plain", ""];
    let content_type = content_type[[0, 0, 0, 0, 0, 0, 0, 1, 2, 3][chance.random_range(0..10)]];
    let told = format!("{method} {uri} [{content_type}] {:?}", String::from_utf8_lossy(&body));
    let mut request = TestRequest::default().method(method).uri(&uri).peer_addr(SocketAddr::from(([127, 0, 0, 1], 7)));
    let timestamp = (now_ms() / 1000).to_string();
    let signed = signature(SECRET, &timestamp, &body);
    let headers = [
        ("X-Api-Key", API_KEY.to_owned()),
        ("Authorization", format!("Bearer {}", known.session_token)),
        ("X-Cafe-Id", "east".to_owned()),
        ("X-Timestamp", timestamp),
        ("X-Signature", signed),
    ];
    for (name, right) in headers {
        match chance.random_range(0..40) {
            0 => {}
            1 => request = request.insert_header((name, encoded(chance))),
            _ => request = request.insert_header((name, right)),
        }
    }
    if !content_type.is_empty() {
        request = request.insert_header((header::CONTENT_TYPE, content_type));
    }
    (request.set_payload(body), told)
}

fn uri(chance: &mut StdRng, path: &str) -> String {
    let uri = match chance.random_range(0..30) {
        0 => format!("{path}/{}", encoded(chance)),
        1 => format!("{path}?{}={}", encoded(chance), encoded(chance)),
        2 => format!("/v1/game/{}", encoded(chance)),
        3 => format!("/v1/launcher/{}", encoded(chance)),
        _ => path.to_owned(),
    };
    if uri.parse::<Uri>().is_ok() { uri } else { path.to_owned() }
}

/// The good body, the same with something wrong, any JSON, any text, or any bytes.
fn body(chance: &mut StdRng, good: &Value) -> Vec<u8> {
    match chance.random_range(0..20) {
        0 => Vec::new(),
        1 => any_text(chance).into_bytes(),
        2 => (0..chance.random_range(0..200)).map(|_| chance.random()).collect(),
        3 => any_json(chance, 4).to_string().into_bytes(),
        4 => vec![b'x'; 65_536 + chance.random_range(0..2)],
        5 => "[".repeat(chance.random_range(1..10_000)).into_bytes(),
        6..13 => good.to_string().into_bytes(),
        _ => super::inputs::mutated(chance, std::slice::from_ref(good)).into_bytes(),
    }
}

/// `data` of a success.
async fn check<B: MessageBody>(told: &str, response: ServiceResponse<B>) -> Option<Value> {
    let status = response.status().as_u16();
    assert!(response.headers().contains_key("x-request-id"), "{told}");
    let Ok(body) = to_bytes(response.into_body()).await else { panic!("{told}: body broke off") };
    let mut answer: Value = serde_json::from_slice(&body)
        .unwrap_or_else(|error| panic!("{told}: {status} without an envelope ({error}): {body:?}"));
    let keys: Vec<_> = answer.as_object().map(|keys| keys.keys().map(String::as_str).collect()).unwrap_or_default();
    if status == 200 {
        assert!(answer["success"] == true && keys == ["success", "request_id", "data"], "{told}: {answer}");
        return Some(answer["data"].take());
    }
    assert!(answer["success"] == false && keys == ["success", "error"], "{told}: {answer}");
    let code = answer["error"]["code"].as_str();
    let statuses = CODES.iter().find(|(known, _)| Some(*known) == code).map(|(_, statuses)| *statuses);
    assert!(statuses.is_some_and(|statuses| statuses.contains(&status)), "{told}: {status} {answer}");
    assert!(answer["error"]["message"].is_string() && answer["error"]["timestamp"].is_string(), "{told}: {answer}");
    assert!(body.len() <= 6 * told.len() + ENVELOPE_BYTES, "{told}: answered by {} bytes", body.len());
    None
}
