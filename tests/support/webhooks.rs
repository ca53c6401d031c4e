//! The platforms that push: signed Aghanim events and batches of Hive suspensions, written against their contracts;
//! and the configuration of the game they concern.

use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::key::now_ms;
use super::within;

pub(crate) const AGHANIM: &str = "/webhooks/aghanim";
pub(crate) const SUSPENSIONS: &str = "/webhooks/hive/suspensions";
pub(crate) const SIGNATURE: &str = "X-Aghanim-Signature";
pub(crate) const TIMESTAMP: &str = "X-Aghanim-Signature-Timestamp";

/// The game the platforms push about.
pub(crate) const HALL: &str = "hall";
pub(crate) const HALL_INDEX: i64 = 9;
pub(crate) const HALL_ID: &str = "gm_AAAAAAAAAAA";
pub(crate) const HALL_API_KEY: &str = "api-key-of-hall-0123456789";
/// The secret of the published vectors.
pub(crate) const HALL_SECRET: &str = "test-secret-1";
/// The secret beside it, as during a rotation.
pub(crate) const HALL_NEXT_SECRET: &str = "키";
pub(crate) const HALL_BEARER: &str = "suspension-key-of-hall-0123456789";
pub(crate) const HALL_NEXT_BEARER: &str = "next-suspension-key-of-hall-0123456789";
pub(super) const HALL_CERTIFICATION: &str = "certification-key-of-hall-0123456789";
/// The game beside it.
pub(crate) const ANNEX_INDEX: i64 = 10;
pub(crate) const ANNEX_ID: &str = "gm_BBBBBBBBBBB";
pub(crate) const ANNEX_API_KEY: &str = "api-key-of-annex-0123456789";
pub(crate) const ANNEX_SECRET: &str = "webhook-secret-of-annex-0123456789";
pub(crate) const ANNEX_BEARER: &str = "suspension-key-of-annex-0123456789";
pub(super) const CAFE_SECRET: &str = "secret-of-cafe-east-0123456789";

/// A permanent suspension's end, as Hive sends it.
pub(crate) const FOR_GOOD: &str = "9999-12-31 00:00:00";

/// A node that serves both games, with more settings of the first one.
pub(crate) fn tables(hive: &str, aghanim: &str) -> String {
    format!(
        r#"
[[games]]
name = "hall"
[games.hive]
game_index = {HALL_INDEX}
certification_keys = ["{HALL_CERTIFICATION}"]
login_key_secret = "login-key-secret-of-hall-0123456789abcdef"
suspension_keys = ["{HALL_BEARER}", "{HALL_NEXT_BEARER}"]
{hive}
[games.playwave]
api_keys = ["{HALL_API_KEY}"]
[games.aghanim]
game_id = "{HALL_ID}"
webhook_secrets = ["{HALL_SECRET}", "{HALL_NEXT_SECRET}"]
{aghanim}
[[games]]
name = "annex"
[games.hive]
game_index = {ANNEX_INDEX}
certification_keys = ["certification-key-of-annex-0123456789"]
login_key_secret = "login-key-secret-of-annex-0123456789abcdef"
suspension_keys = ["{ANNEX_BEARER}"]
[games.playwave]
api_keys = ["{ANNEX_API_KEY}"]
[games.aghanim]
game_id = "{ANNEX_ID}"
webhook_secrets = ["{ANNEX_SECRET}"]
[[cafes]]
id = "east"
secret = "{CAFE_SECRET}"
networks = ["127.0.0.0/8"]
balance = 1000000
"#
    )
}

/// An answer to a platform.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Reply {
    /// Asserts the whole answer to what was taken.
    #[track_caller]
    pub(crate) fn ok(&self) {
        assert_eq!((self.status, &self.body), (200, &json!({ "status": "ok" })), "{}", self.text);
    }

    /// Asserts a refusal to Aghanim: its status, its code, and nothing beside a message.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) {
        self.is_error(status);
        assert_eq!(self.body["code"], code, "{self:?}");
    }

    /// The same with any code.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16) {
        assert_eq!((self.status, &self.body["status"]), (status, &json!("error")), "{self:?}");
        let keys: Vec<_> = self.body.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["status", "code", "message"], "{self:?}");
        let is_text = |key: &str| self.body[key].as_str().is_some_and(|text| !text.is_empty());
        assert!(is_text("code") && is_text("message"), "{self:?}");
    }

    /// Asserts the whole answer to Hive.
    #[track_caller]
    pub(crate) fn result(&self, status: u16, result_code: i64) {
        assert_eq!((self.status, &self.body["result_code"]), (status, &json!(result_code)), "{self:?}");
        assert_eq!(self.body.as_object().map(serde_json::Map::len), Some(1), "{self:?}");
    }
}

/// Sends a request and reads the whole answer; `None` when the node died before it.
pub(crate) async fn reply_to(request: RequestBuilder) -> Option<Reply> {
    let response = within("an answer to a platform", request.send()).await.ok()?;
    let status = response.status().as_u16();
    let text = within("its body", response.text()).await.ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Some(Reply { status, text, body })
}

pub(crate) fn now_sec() -> i64 {
    now_ms() / 1000
}

/// An event about `hall` as Aghanim sends it, under an id of its own.
pub(crate) fn event(event_type: &str, data: Value) -> Value {
    static EVENTS: AtomicU64 = AtomicU64::new(1);
    let number = EVENTS.fetch_add(1, Ordering::Relaxed);
    let mut event = json!({
        "event_type": event_type,
        "event_data": null,
        "event_time": now_sec(),
        "event_id": format!("whevt_{number:026}"),
        "idempotency_key": null,
        "request_id": null,
        "sandbox": false,
        "trigger": "hub.profile_update",
        "transaction_id": "whtx_AAAAAAAAAAA",
        "context": null,
        "game_id": HALL_ID,
    });
    event["event_data"] = data;
    event
}

/// A change of a player's profile: `{"player_id", …}` and what `fields` has.
pub(crate) fn update(player: i64, fields: Value) -> Value {
    let mut data = json!({ "player_id": player.to_string() });
    let Value::Object(fields) = fields else { panic!("fields are an object: {fields}") };
    data.as_object_mut().expect("an object").extend(fields);
    event("player.update", data)
}

/// `YYYY-MM-DD HH:mm:ss` of an instant, in UTC shifted by so many hours.
pub(crate) fn date(millis: i64, hours: i64) -> String {
    let instant = jiff::Timestamp::from_millisecond(millis + hours * 3_600_000).expect("an instant");
    instant.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A row of a batch.
pub(crate) fn row(player: i64, status: &str, start_date: &str, end_date: &str) -> Value {
    json!({ "player_id": player, "status": status, "start_date": start_date, "end_date": end_date })
}

/// A row that suspends for good since long ago.
pub(crate) fn permanent(player: i64) -> Value {
    row(player, "P", "2025-01-01 00:00:00", FOR_GOOD)
}

/// A row of a limited period, in milliseconds from now.
pub(crate) fn limited(player: i64, from: i64, until: i64) -> Value {
    row(player, "B", &date(now_ms() + from, 0), &date(now_ms() + until, 0))
}

/// A batch about `hall`.
pub(crate) fn batch(rows: &[Value]) -> Value {
    json!({ "game_index": HALL_INDEX, "server_url": "https://game.example/hive/suspensions", "data": rows })
}
