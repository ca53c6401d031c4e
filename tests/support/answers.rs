//! What the answers of the HTTP APIs have in common: the codes of a refusal, and instants that are told twice.

use serde_json::{Value, json};

/// HTTP status and `code` of the refusals ("Hive Chat HTTP API, codes").
pub(crate) mod codes {
    pub(crate) type Code = (u16, i64);

    pub(crate) const BAD_REQUEST: Code = (400, 100);
    pub(crate) const BODY_TOO_LARGE: Code = (413, 100);
    pub(crate) const INVALID_TOKEN: Code = (401, 101);
    pub(crate) const FORBIDDEN: Code = (403, 102);
    pub(crate) const NOT_FOUND: Code = (404, 103);
    pub(crate) const METHOD_NOT_ALLOWED: Code = (405, 104);
    pub(crate) const BUSY: Code = (503, 108);
    pub(crate) const DUPLICATE_CHANNEL: Code = (400, 200);
    pub(crate) const CHANNEL_NOT_FOUND: Code = (400, 201);
    pub(crate) const CHANNEL_FULL: Code = (400, 202);
    pub(crate) const WRONG_PASSWORD: Code = (400, 203);
    pub(crate) const MESSAGE_TOO_LONG: Code = (400, 204);
    pub(crate) const NOT_IN_SESSION: Code = (400, 300);
    pub(crate) const NOT_IN_CHANNEL: Code = (400, 301);
    pub(crate) const ALREADY_IN_CHANNEL: Code = (400, 302);
    pub(crate) const ALREADY_BLOCKED: Code = (400, 303);
    pub(crate) const BLOCK_LIST_FULL: Code = (400, 304);
    pub(crate) const NOT_BLOCKED: Code = (400, 305);
    pub(crate) const BLOCKED: Code = (400, 306);
    pub(crate) const TOO_MANY_CHANNELS: Code = (400, 307);
    pub(crate) const NOT_OWNER: Code = (403, 308);
    pub(crate) const CUSTOM_TOO_LARGE: Code = (400, 400);
}

/// Asserts that an answer is this refusal, in the envelope of every answer.
#[track_caller]
pub(crate) fn refused(what: &str, (status, answer): (u16, Value), code: codes::Code) {
    assert_eq!((status, &answer["code"]), (code.0, &json!(code.1)), "{what}: {answer}");
    assert!(answer["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {answer}");
    assert!(answer["data"].is_object(), "{what}: {answer}");
}

/// Asserts that a text is an instant as the contract writes it, and the same as the milliseconds beside it.
#[track_caller]
pub(crate) fn assert_instant(text: &Value, millis: &Value) {
    let instant: jiff::Timestamp = text.as_str().and_then(|text| text.parse().ok()).expect("an instant");
    assert_eq!(format!("\"{instant:.3}\""), text.to_string(), "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
    assert_eq!(json!(instant.as_millisecond()), *millis);
    assert!((super::key::now_ms() - instant.as_millisecond()).abs() < 60_000, "not of this test: {text}");
}

/// `body` with one key set.
pub(crate) fn with(mut body: Value, key: &str, value: impl Into<Value>) -> Value {
    body[key] = value.into();
    body
}

/// `body` with one key taken out.
pub(crate) fn without(mut body: Value, key: &str) -> Value {
    body.as_object_mut().expect("a body is an object").remove(key);
    body
}

/// The texts under one key of a list of objects.
pub(crate) fn texts<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    let list = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    list.iter().map(|object| object[key].as_str().unwrap_or_else(|| panic!("no text {key}: {object}"))).collect()
}
