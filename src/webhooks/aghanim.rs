//! Aghanim's webhooks: is it theirs, and what does the envelope say ("Aghanim webhooks", 2, 3, 5 and 8).

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::json::{canonical, parse_object};
use crate::secret::{Secret, hex};

/// The body's common part, and the rest as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    pub event_id: String,
    pub event_type: String,
    /// Microseconds since the Unix epoch.
    pub event_time_us: i64,
    pub event_data: Map<String, Value>,
    pub idempotency_key: Option<String>,
    pub game_id: String,
    pub sandbox: bool,
}

/// Longest id, in characters.
pub const MAX_ID_CHARS: usize = 255;

/// What the two headers say, if they are well formed.
pub fn signed_at(timestamp: &str, signature: &str) -> Option<i64> {
    let is_decimal = (1..=12).contains(&timestamp.len()) && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_hex = signature.len() == 64 && signature.bytes().all(is_lower_hex);
    if is_decimal && is_hex { timestamp.parse().ok() } else { None }
}

/// Whether one of the secrets signed `<timestamp>.<body>`. All are tried, so that the time does not tell which.
pub fn is_signed(secrets: &[Secret], timestamp: &str, signature: &str, body: &[u8]) -> bool {
    let parts = [timestamp.as_bytes(), b".", body];
    secrets.iter().fold(false, |signed, secret| signed | secret.has_signed(&parts, signature))
}

/// Whether the timestamp is near enough to now; a window of zero takes any.
pub fn is_fresh(signed_at_sec: i64, now_sec: i64, window_sec: u64) -> bool {
    window_sec == 0 || now_sec.abs_diff(signed_at_sec) <= window_sec
}

impl Envelope {
    /// # Errors
    /// What is wrong with it, for the developer.
    pub fn parse(body: &[u8]) -> Result<Self, String> {
        let mut object = parse_object(body)?;
        let event_data = match object.swap_remove("event_data") {
            Some(Value::Object(event_data)) => event_data,
            _ => return Err("event_data: an object".into()),
        };
        Ok(Self {
            event_id: id(&object, "event_id")?,
            event_type: id(&object, "event_type")?,
            event_time_us: microseconds(object.get("event_time")).ok_or("event_time: a number")?,
            event_data,
            idempotency_key: optional_id(&object, "idempotency_key")?,
            game_id: text(&object, "game_id")?,
            sandbox: match object.get("sandbox") {
                None => false,
                Some(Value::Bool(sandbox)) => *sandbox,
                Some(_) => return Err("sandbox: true or false".into()),
            },
        })
    }

    /// What tells the event from others, but for its kind.
    pub fn dedupe_key(&self) -> &str {
        self.idempotency_key.as_deref().unwrap_or(&self.event_id)
    }

    /// Where it is recorded, among those of its game. A payment that is sent again with other details is one more
    /// event; anything else with the same key is a repeat, whatever it says.
    pub fn record_key(&self) -> String {
        let mut parts = vec![self.event_type.clone(), self.dedupe_key().to_owned()];
        if self.event_type.starts_with("payment.") {
            let details = canonical(&Value::Object(self.event_data.clone()));
            parts.push(hex(&Sha256::digest(details)));
        }
        Value::from(parts).to_string()
    }

    /// Whether the catalogue has this type of event.
    pub fn is_known(&self) -> bool {
        is_known(&self.event_type)
    }
}

fn text(object: &Map<String, Value>, key: &str) -> Result<String, String> {
    object.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("{key}: a string"))
}

fn id(object: &Map<String, Value>, key: &str) -> Result<String, String> {
    let id = text(object, key)?;
    let is_well_formed = (1..=MAX_ID_CHARS).contains(&id.chars().count());
    if is_well_formed { Ok(id) } else { Err(format!("{key}: 1 to {MAX_ID_CHARS} characters")) }
}

fn optional_id(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => id(object, key).map(Some),
    }
}

/// Seconds, whole or not, in microseconds. What is out of range is as far as the range goes.
#[expect(clippy::cast_possible_truncation, reason = "a cast of a fraction stops at the range")]
fn microseconds(seconds: Option<&Value>) -> Option<i64> {
    let Value::Number(seconds) = seconds? else { return None };
    match seconds.as_i64() {
        Some(whole) => Some(whole.saturating_mul(1_000_000)),
        None => seconds.as_f64().map(|seconds| (seconds * 1e6).round() as i64),
    }
}

fn is_known(event_type: &str) -> bool {
    let Some((kind, event)) = event_type.split_once('.') else { return false };
    let events: &[&str] = match kind {
        "player" => &["verify", "lookup", "update", "is_idle", "marketing_consent.updated"],
        "store" => &["get"],
        "item" => &["add", "remove"],
        "order" => &["created", "paid", "canceled", "refunded"],
        "payment" => &[
            "succeeded",
            "pending",
            "declined",
            "rejected",
            "expired",
            "canceled",
            "abandoned",
            "voided",
            "refunded",
            "dispute",
            "chargeback",
        ],
        "fraud" => &["reported"],
        "subscription" => &["activated", "updated", "renewed", "deactivated"],
        "coupon" => &["redeemed"],
        "ingame" => &["push", "popup"],
        "campaign" => &["custom"],
        "analytics" => &[
            "hub.sign_up",
            "hub.login",
            "hub.buy_click",
            "hub.free_item_claimed",
            "checkout.pageview",
            "checkout.pageshow",
            "checkout.pagehide",
            "checkout.pageexit",
            "checkout.submit_payment_form",
            "checkout.back_store",
            "checkout.back_game",
            "checkout.payment_method.select",
            "checkout.payment_method.close",
        ],
        "batch" => &["ready"],
        _ => &[],
    };
    events.contains(&event)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// "Aghanim webhooks, test vectors".
    const VECTORS: [(&str, &str, &str, &str); 5] = [
        ("test-secret-1", "1700000000", "{}", "fbb8b6b76359b4e00c597565b07b874acdb53b5aabb3c220688a2ff415e7f047"),
        ("test-secret-1", "1700000000", "", "5f714a61356169ab98324ccd856c07dc2c1c58290196b17e2f09eb92dfa22859"),
        (
            "test-secret-1",
            "1700000001",
            r#"{"event_type":"player.update","event_data":{"player_id":"P-1","name":"등대"},"event_time":1700000001}"#,
            "c62e40e9905efd80cd50ec818e2d8e4446c51b1f51628b66fa979bb8f01ad6f5",
        ),
        (
            "test-secret-1",
            "1700000000",
            r#"{"event_type":"player.update","event_data":{"player_id":"P-1","email":"a@example.test"},"event_time":1700000000,"event_id":"whevt_AAAAAAAAAAAAAAAAAAAAAAAAAA","idempotency_key":null,"request_id":null,"sandbox":true,"trigger":"hub.profile_update","transaction_id":"whtx_AAAAAAAAAAA","context":null,"game_id":"gm_AAAAAAAAAAA"}"#,
            "aae810edd8fc1267c13b34a377620f672e777a924d66660272ca5b7c5da1f3c5",
        ),
        ("키", "1700000000", "{}", "90b80fd4aaaedcc87e127dba5bbfb2edbd9c968026a8be970315e3848d8dd17b"),
    ];

    #[test]
    fn the_five_vectors_verify_and_nothing_near_them_does() {
        for (secret, timestamp, body, signature) in VECTORS {
            let secrets = [Secret::new("another"), Secret::new(secret)];
            assert_eq!(signed_at(timestamp, signature), timestamp.parse().ok());
            assert!(is_signed(&secrets, timestamp, signature, body.as_bytes()), "{body}");
            assert!(!is_signed(&secrets[..1], timestamp, signature, body.as_bytes()), "wrong secret");
            assert!(!is_signed(&secrets, "1700000009", signature, body.as_bytes()), "wrong timestamp");
            assert!(!is_signed(&secrets, timestamp, signature, format!("{body} ").as_bytes()), "wrong body");
        }
    }

    #[test]
    fn headers_have_one_form() {
        let signature = VECTORS[0].3;
        for bad in ["", "+1700000000", "-1", "1700000000.0", " 1700000000", "1234567890123", "0x10", "１"] {
            assert_eq!(signed_at(bad, signature), None, "{bad:?}");
        }
        for bad in ["", &signature[1..], &format!("{signature}0"), &signature.to_uppercase(), &"g".repeat(64)] {
            assert_eq!(signed_at("1700000000", bad), None, "{bad:?}");
        }
        assert_eq!(signed_at("000000000000", signature), Some(0));
    }

    #[test]
    fn a_timestamp_is_fresh_both_ways_and_always_without_a_window() {
        for (at, window, fresh) in
            [(700, 300, true), (1300, 300, true), (699, 300, false), (1301, 300, false), (0, 0, true)]
        {
            assert_eq!(is_fresh(at, 1000, window), fresh, "{at} {window}");
        }
    }

    fn body() -> Value {
        json!({ "event_id": "whevt_1", "game_id": "gm_1", "event_type": "player.update", "event_time": 1_700_000_000.25,
            "event_data": { "player_id": "5001" }, "extra": [1] })
    }

    fn parse(body: &Value) -> Result<Envelope, String> {
        Envelope::parse(body.to_string().as_bytes())
    }

    #[test]
    fn an_envelope_is_read_with_what_may_be_absent() {
        let envelope = parse(&body()).unwrap();
        assert_eq!((envelope.event_time_us, envelope.sandbox), (1_700_000_000_250_000, false));
        assert_eq!((envelope.dedupe_key(), envelope.game_id.as_str()), ("whevt_1", "gm_1"));
        let mut whole = body();
        whole["sandbox"] = json!(true);
        whole["idempotency_key"] = json!("k");
        whole["event_time"] = json!(-1);
        let envelope = parse(&whole).unwrap();
        assert_eq!((envelope.dedupe_key(), envelope.sandbox, envelope.event_time_us), ("k", true, -1_000_000));
    }

    #[test]
    fn an_envelope_with_a_wrong_or_missing_key_is_refused_by_its_name() {
        let wrong = [
            ("event_id", json!(1)),
            ("event_id", json!("")),
            ("event_id", json!("x".repeat(256))),
            ("event_type", json!(null)),
            ("event_type", json!("")),
            ("event_time", json!("1700000000")),
            ("event_data", json!([])),
            ("event_data", json!(null)),
            ("sandbox", json!("true")),
            ("sandbox", json!(null)),
            ("idempotency_key", json!(7)),
            ("idempotency_key", json!("")),
            ("game_id", json!(1)),
        ];
        for (key, value) in wrong {
            let mut body = body();
            body[key] = value;
            assert!(parse(&body).unwrap_err().starts_with(key), "{body}");
        }
        for key in ["event_id", "event_type", "event_time", "event_data", "game_id"] {
            let mut body = body();
            body.as_object_mut().unwrap().remove(key);
            assert!(parse(&body).unwrap_err().starts_with(key), "{body}");
        }
    }

    #[test]
    fn a_record_is_of_its_type_and_key_and_a_payment_of_its_details_too() {
        let of = |event_type: &str, key: &str, data: Value| {
            let mut body = body();
            (body["event_type"], body["idempotency_key"], body["event_data"]) = (json!(event_type), json!(key), data);
            parse(&body).unwrap().record_key()
        };
        assert_eq!(of("item.add", "k", json!({ "a": 1 })), of("item.add", "k", json!({ "a": 2 })));
        assert_ne!(of("item.add", "k", json!({})), of("item.remove", "k", json!({})));
        assert_ne!(of("a", "b\",\"c", json!({})), of("a\",\"b", "c", json!({})));
        let paid = "payment.succeeded";
        assert_ne!(of(paid, "k", json!({ "a": 1 })), of(paid, "k", json!({ "a": 2 })));
        assert_eq!(of(paid, "k", json!({ "a": 1, "b": 2 })), of(paid, "k", json!({ "b": 2, "a": 1 })));
    }

    #[test]
    fn the_catalogue_is_known_and_wildcards_are_no_types() {
        for known in [
            "player.update",
            "player.marketing_consent.updated",
            "payment.chargeback",
            "analytics.checkout.payment_method.close",
            "batch.ready",
        ] {
            assert!(is_known(known), "{known}");
        }
        for unknown in ["", "player", "player.", "order.*", "Player.update", "analytics.hub.", "fraud.update"] {
            assert!(!is_known(unknown), "{unknown}");
        }
    }
}
