//! A recorded webhook as game servers and operators see it.

use guildhall_actors::ports::InboxEntry;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::AGHANIM;
use super::carry::Answer;
use super::json::in_one_line;

/// One event of a game's stream.
#[derive(Debug, Serialize)]
pub struct Event {
    pub cursor: String,
    source: String,
    #[serde(rename = "type")]
    pub kind: String,
    id: String,
    received_at: String,
    /// The accepted JSON whole, number for number.
    body: Box<RawValue>,
}

/// What of an Aghanim body names the event.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Head {
    event_id: String,
    event_type: String,
    idempotency_key: Option<String>,
}

/// Stands for personal data that operators need not see.
const REDACTED: &str = "[redacted]";

fn head(entry: &InboxEntry) -> Head {
    if entry.source == AGHANIM {
        return serde_json::from_slice(&entry.body).unwrap_or_default();
    }
    Head { event_id: entry.key.clone(), event_type: "suspension".to_owned(), idempotency_key: None }
}

impl Event {
    pub fn of(entry: &InboxEntry) -> Self {
        let Head { event_id, event_type, .. } = head(entry);
        let body = String::from_utf8(entry.body.clone()).map(|text| in_one_line(&text));
        let body = body.ok().and_then(|line| RawValue::from_string(line).ok());
        Self {
            cursor: entry.cursor.to_string(),
            source: entry.source.clone(),
            kind: event_type,
            id: event_id,
            received_at: entry.at.to_iso(),
            body: body.unwrap_or_else(|| to_raw_value(&()).expect("null is plain data")),
        }
    }

    /// As a server-sent event (HTML standard, 9.2): `id`, `event`, and the same object in one line of `data`.
    pub fn to_server_sent(&self) -> String {
        let data = serde_json::to_string(self).expect("an event is plain data");
        let kind: String = self.kind.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        format!("id: {}\nevent: {kind}\ndata: {data}\n\n", self.cursor)
    }
}

/// A webhook for operators: what became of it, and what it said but for e-mail addresses.
pub fn delivery(entry: &InboxEntry) -> Value {
    let Head { event_id, event_type, idempotency_key } = head(entry);
    let answer = entry.answer.as_deref().map(|bytes| Answer::from_bytes(bytes).map(|answer| answer.outcome()));
    let outcome =
        answer.map_or_else(|| "pending".to_owned(), |outcome| outcome.unwrap_or_else(|| "unknown".to_owned()));
    let mut body = serde_json::from_slice(&entry.body).unwrap_or_default();
    redact(&mut body, false);
    json!({
        "cursor": entry.cursor.to_string(),
        "source": entry.source,
        "type": event_type,
        "key": idempotency_key.unwrap_or(event_id),
        "received_at": entry.at.to_iso(),
        "outcome": outcome,
        "body": body,
    })
}

/// Hides what is called an e-mail, and whatever looks like one.
fn redact(value: &mut Value, is_email: bool) {
    match value {
        Value::String(text) if is_email || text.contains('@') => REDACTED.clone_into(text),
        Value::Array(entries) => entries.iter_mut().for_each(|entry| redact(entry, is_email)),
        Value::Object(object) => {
            for (key, value) in object {
                redact(value, is_email || key.to_ascii_lowercase().contains("email"));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use guildhall_actors::clock::Timestamp;

    use super::*;

    fn entry(source: &str, body: &str) -> InboxEntry {
        let (source, key) = (source.to_owned(), "record-key".to_owned());
        InboxEntry { cursor: 17, source, key, body: body.into(), at: Timestamp(0), answer: None }
    }

    #[test]
    fn an_event_carries_its_body_whole_in_one_line() {
        let event = Event::of(&entry(AGHANIM, "{\n \"event_id\": \"e\",\n \"event_type\": \"a.b\", \"n\": 1.50}"));
        let data = r#"{"cursor":"17","source":"aghanim","type":"a.b","id":"e","received_at":"1970-01-01T00:00:00.000Z","body":{"event_id":"e","event_type":"a.b","n":1.50}}"#;
        assert_eq!(event.to_server_sent(), format!("id: 17\nevent: a.b\ndata: {data}\n\n"));
        let suspension = Event::of(&entry("hive_suspension", r#"{"data":[]}"#));
        assert_eq!((suspension.kind.as_str(), suspension.id.as_str()), ("suspension", "record-key"));
    }

    #[test]
    fn a_type_cannot_break_out_of_its_line() {
        let event = Event::of(&entry(AGHANIM, r#"{"event_id":"e","event_type":"a\ndata: x"}"#));
        assert_eq!(event.to_server_sent().lines().count(), 4);
    }

    #[test]
    fn operators_see_no_address() {
        let body = r#"{"event_id":"e","event_type":"t","event_data":{"email":"secret@x","name":"Bob",
            "more":[{"email":{"address":"odd"}}],"note":"write to me@x"}}"#;
        let shown =
            delivery(&InboxEntry { answer: Some(br#"{"status":200,"body":{}}"#.into()), ..entry(AGHANIM, body) });
        let text = shown.to_string();
        for secret in ["secret@x", "odd", "me@x"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!((&shown["key"], &shown["outcome"]), (&json!("e"), &json!("200/ok")));
        assert_eq!(shown["body"]["event_data"]["name"], "Bob");
    }
}
