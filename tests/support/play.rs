//! Play as its callers see it: the launchers of a cafe, and game servers. Written against the contract, not our code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Value, json};
use sha2::Sha256;

use super::within;

pub(crate) const VERIFY: (Method, &str) = (Method::POST, "/v1/game/session/verify");
pub(crate) const HEARTBEAT: (Method, &str) = (Method::PATCH, "/v1/game/session/heartbeat");
pub(crate) const END: (Method, &str) = (Method::DELETE, "/v1/game/session/end");
pub(crate) const CHECK: (Method, &str) = (Method::POST, "/v1/game/session/check");
pub(crate) const START: (Method, &str) = (Method::POST, "/v1/launcher/session/start");
pub(crate) const OTT: (Method, &str) = (Method::POST, "/v1/launcher/ott");
pub(crate) const LAUNCHER_HEARTBEAT: (Method, &str) = (Method::PATCH, "/v1/launcher/session/heartbeat");
pub(crate) const LAUNCHER_END: (Method, &str) = (Method::DELETE, "/v1/launcher/session/end");

/// HTTP status and `error.code` of the refusals ("PlayWave API, error codes"; the launcher's are ours).
pub(crate) mod codes {
    pub(crate) type Code = (u16, &'static str);

    pub(crate) const BAD_REQUEST: Code = (400, "BAD_REQUEST");
    pub(crate) const BODY_TOO_LARGE: Code = (413, "BAD_REQUEST");
    pub(crate) const INVALID_API_KEY: Code = (401, "INVALID_API_KEY");
    pub(crate) const INVALID_SIGNATURE: Code = (401, "INVALID_SIGNATURE");
    pub(crate) const INVALID_TOKEN: Code = (401, "INVALID_TOKEN");
    pub(crate) const NOT_PC_CAFE: Code = (403, "NOT_PC_CAFE");
    pub(crate) const NOT_FOUND: Code = (404, "NOT_FOUND");
    pub(crate) const GAME_NOT_FOUND: Code = (404, "GAME_NOT_FOUND");
    pub(crate) const SESSION_NOT_FOUND: Code = (404, "SESSION_NOT_FOUND");
    pub(crate) const METHOD_NOT_ALLOWED: Code = (405, "METHOD_NOT_ALLOWED");
    pub(crate) const ALREADY_ENDED: Code = (409, "ALREADY_ENDED");
    pub(crate) const SESSION_ENDED: Code = (410, "SESSION_ENDED");
    pub(crate) const SESSION_ENDING: Code = (410, "SESSION_ENDING");
    pub(crate) const LAUNCHER_SESSION_ENDED: Code = (410, "LAUNCHER_SESSION_ENDED");
    pub(crate) const RATE_LIMITED: Code = (429, "RATE_LIMITED");
    pub(crate) const INTERNAL_ERROR: Code = (500, "INTERNAL_ERROR");
}

/// The same listener of one node or several, which take turns.
#[derive(Clone)]
pub(crate) struct Origin {
    all: Arc<[String]>,
    turn: Arc<AtomicUsize>,
}

impl Origin {
    pub(crate) fn new(all: impl IntoIterator<Item = String>) -> Self {
        Self { all: all.into_iter().collect(), turn: Arc::default() }
    }

    /// Of a path on the node whose turn it is.
    pub(crate) fn url(&self, path: &str) -> String {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        format!("{}{path}", self.all[turn % self.all.len()])
    }
}

/// A node's public listener, and the time as launchers know it.
#[derive(Clone)]
pub(crate) struct Venue {
    pub(crate) http: reqwest::Client,
    pub(crate) origin: Origin,
    pub(crate) now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

/// An answer in PlayWave's envelope.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A cafe whose PCs have launchers.
#[derive(Clone)]
pub(crate) struct Cafe {
    pub(crate) venue: Venue,
    pub(crate) id: String,
    pub(crate) secret: String,
    /// What a proxy says of where the launchers call from.
    pub(crate) forwarded_for: Option<String>,
}

/// A launcher session.
#[derive(Clone)]
pub(crate) struct Launcher {
    venue: Venue,
    pub(crate) id: String,
    pub(crate) session_token: String,
}

/// The server of a game.
#[derive(Clone)]
pub(crate) struct GameServer {
    pub(crate) venue: Venue,
    pub(crate) api_key: String,
}

/// A game session, and the server that keeps it alive.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) server: GameServer,
    pub(crate) id: String,
    pub(crate) user: String,
}

impl Answer {
    /// `data` of a success, whose envelope is as documented.
    #[track_caller]
    pub(crate) fn data(&self) -> &Value {
        assert_eq!((self.status, &self.body["success"]), (200, &json!(true)), "{self:?}");
        let keys: Vec<_> = self.body.as_object().expect("an envelope").keys().map(String::as_str).collect();
        assert_eq!(keys, ["success", "request_id", "data"]);
        assert_eq!(self.body["request_id"], self.request_id());
        &self.body["data"]
    }

    /// Asserts that this is a refusal with this code, in the envelope as documented.
    #[track_caller]
    pub(crate) fn refused(&self, code: codes::Code) {
        let (error, request_id) = (&self.body["error"], self.request_id());
        assert_eq!((self.status, &error["code"]), (code.0, &json!(code.1)), "{self:?}");
        let keys = |object: &Value| object.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        assert_eq!((keys(&self.body), &self.body["success"]), (vec!["success".into(), "error".into()], &json!(false)));
        assert_eq!(keys(error), ["code", "message", "timestamp"]);
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert!(request_id.starts_with("req_"), "{self:?}");
    }

    /// Asserts that the business refused a verify, and told nothing but this.
    #[track_caller]
    pub(crate) fn turned_away(&self, reason: &str) {
        assert_eq!(*self.data(), json!({ "is_valid": false, "reason": reason }));
    }

    /// Asserts what a heartbeat is told.
    #[track_caller]
    pub(crate) fn told(&self, result: &str, next_heartbeat_in: u64, play_duration_sec: u64) {
        let expected = json!({
            "result": result, "next_heartbeat_in": next_heartbeat_in, "play_duration_sec": play_duration_sec,
        });
        assert_eq!(*self.data(), expected);
    }

    pub(crate) fn request_id(&self) -> &str {
        self.headers.get("x-request-id").and_then(|id| id.to_str().ok()).expect("every answer has an id")
    }
}

impl Venue {
    /// A request with nothing added to it but these headers.
    pub(crate) async fn call(&self, (method, path): (Method, &str), headers: &[(&str, &str)], body: String) -> Answer {
        let request = self.http.request(method, self.origin.url(path)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(path, request).await
    }

    pub(crate) async fn send(&self, what: &str, request: reqwest::RequestBuilder) -> Answer {
        within(what, async {
            let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.json().await.unwrap_or_else(|error| panic!("{what}: {status} {error}"));
            Answer { status, headers, body }
        })
        .await
    }
}

/// Lower-case hex of HMAC-SHA256 over `<timestamp>.<body>`.
pub(crate) fn signature(secret: &str, timestamp: &str, body: impl AsRef<[u8]>) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    let mac = mac.chain_update(timestamp).chain_update(".").chain_update(body).finalize().into_bytes();
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a launcher says of its PC when it starts.
pub(crate) fn pc(id: &str) -> Value {
    json!({ "pc_id": id, "internal_ip": "192.168.0.10", "hardware": { "cpu": "x" }, "launcher_version": "1.0.0" })
}

impl Cafe {
    /// Starts a launcher with any body, signed as it should be.
    pub(crate) async fn start(&self, body: &Value) -> Answer {
        let timestamp = ((self.venue.now_ms)() / 1000).to_string();
        self.start_signed_at(&timestamp, body).await
    }

    /// The same, signed at any time.
    pub(crate) async fn start_signed_at(&self, timestamp: &str, body: &Value) -> Answer {
        let signature = signature(&self.secret, timestamp, body.to_string());
        let headers = [("X-Cafe-Id", self.id.as_str()), ("X-Timestamp", timestamp), ("X-Signature", &signature)];
        self.start_with(&headers, body).await
    }

    /// The same with any headers.
    pub(crate) async fn start_with(&self, headers: &[(&str, &str)], body: &Value) -> Answer {
        let forwarded_for = self.forwarded_for.as_ref().map(|from| ("X-Forwarded-For", from.as_str()));
        let mut all = vec![(CONTENT_TYPE.as_str(), "application/json")];
        all.extend(headers.iter().copied().chain(forwarded_for));
        self.venue.call(START, &all, body.to_string()).await
    }

    /// A launcher on this PC.
    pub(crate) async fn launcher(&self, pc_id: &str) -> Launcher {
        let answer = self.start(&pc(pc_id)).await;
        let text = |key: &str| answer.data()[key].as_str().expect("a text").to_owned();
        let (id, session_token) = (text("launcher_session_id"), text("session_token"));
        Launcher { venue: self.venue.clone(), id, session_token }
    }

    /// The same cafe seen from elsewhere.
    pub(crate) fn from(self, address: &str) -> Self {
        Self { forwarded_for: Some(address.to_owned()), ..self }
    }
}

impl Launcher {
    pub(crate) async fn call(&self, operation: (Method, &str), body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.session_token);
        let headers = [("Authorization", bearer.as_str()), (CONTENT_TYPE.as_str(), "application/json")];
        self.venue.call(operation, &headers, body.to_string()).await
    }

    /// The same launcher with another token.
    pub(crate) fn with_token(&self, session_token: &str) -> Self {
        Self { session_token: session_token.to_owned(), ..self.clone() }
    }

    pub(crate) async fn ask_for_token(&self, game: &str) -> Answer {
        self.call(OTT, &json!({ "game_id": game })).await
    }

    /// A one-time token for a game.
    pub(crate) async fn token(&self, game: &str) -> String {
        let answer = self.ask_for_token(game).await;
        answer.data()["ott"].as_str().unwrap_or_else(|| panic!("no token: {answer:?}")).to_owned()
    }

    pub(crate) async fn heartbeat(&self) -> Answer {
        self.call(LAUNCHER_HEARTBEAT, &json!({ "launcher_session_id": self.id })).await
    }

    pub(crate) async fn end(&self) -> Answer {
        self.call(LAUNCHER_END, &json!({ "launcher_session_id": self.id })).await
    }
}

impl GameServer {
    pub(crate) async fn call(&self, operation: (Method, &str), body: &Value) -> Answer {
        let headers = [("X-Api-Key", self.api_key.as_str()), (CONTENT_TYPE.as_str(), "application/json")];
        self.venue.call(operation, &headers, body.to_string()).await
    }

    pub(crate) async fn verify(&self, ott: &str, user: &str) -> Answer {
        self.call(VERIFY, &json!({ "ott": ott, "provider_user_id": user })).await
    }

    /// The session a one-time token becomes.
    pub(crate) async fn session(&self, ott: &str, user: &str) -> Session {
        let answer = self.verify(ott, user).await;
        let id = answer.data()["game_session_id"].as_str().unwrap_or_else(|| panic!("not verified: {answer:?}"));
        Session { server: self.clone(), id: id.to_owned(), user: user.to_owned() }
    }
}

impl Session {
    fn body(&self) -> Value {
        json!({ "game_session_id": self.id, "provider_user_id": self.user })
    }

    pub(crate) async fn heartbeat(&self) -> Answer {
        self.server.call(HEARTBEAT, &self.body()).await
    }

    pub(crate) async fn check(&self) -> Answer {
        self.server.call(CHECK, &self.body()).await
    }

    pub(crate) async fn end(&self) -> Answer {
        self.server.call(END, &json!({ "game_session_id": self.id })).await
    }

    /// Ends the session with what the game server has measured.
    pub(crate) async fn end_after(&self, play_duration_sec: impl Into<Value>) -> Answer {
        let body = json!({ "game_session_id": self.id, "play_duration_sec": play_duration_sec.into() });
        self.server.call(END, &body).await
    }

    /// The same session as another server or for another player would name it.
    pub(crate) fn seen_by(&self, server: GameServer, user: &str) -> Self {
        Self { server, user: user.to_owned(), id: self.id.clone() }
    }
}
