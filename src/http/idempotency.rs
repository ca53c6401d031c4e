//! `Idempotency-Key`: a publish that is repeated with the same key takes effect once, and gets the first answer.

use std::time::Duration;

use actix_web::HttpRequest;
use guildhall_actors::ports::{InboxKey, Recorded};
use serde_json::{Value, json};

use super::answer::{Answer, Success};
use super::caller::GameServer;
use crate::error::ApiError;

/// Where such requests are recorded in the `Inbox`.
pub const SOURCE: &str = "publish";

/// A request recorded this recently may still be running somewhere.
const IN_PROGRESS: Duration = Duration::from_secs(5);
const MAX_KEY_BYTES: usize = 128;

/// The request's key, when it has one.
///
/// # Errors
/// Empty, longer than 128 bytes, or not visible ASCII.
pub(super) fn key(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let Some(value) = request.headers().get("Idempotency-Key") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if (1..=MAX_KEY_BYTES).contains(&text.len()) {
        Ok(Some(text.to_owned()))
    } else {
        Err(ApiError::bad_request("Idempotency-Key: 1 to 128 visible ASCII characters"))
    }
}

/// Runs `publish`, unless the key has an answer already. A request cut off by a crash is run again by its repeat.
pub(super) async fn once(
    caller: &GameServer,
    operation: &str,
    key: Option<&str>,
    body: &[u8],
    publish: impl Future<Output = Answer>,
) -> Answer {
    let Some(key) = key else { return publish.await };
    let backend = &caller.api.backend;
    let keep = backend.settings().chat.idempotency;
    let entry = InboxKey { game: caller.game.id.clone(), source: SOURCE, key: format!("{operation}:{key}") };
    match backend.ports().inbox.record(&entry, body, keep, backend.now()).await? {
        Recorded::Pending { same_body: false, .. } | Recorded::Done { same_body: false, .. } => {
            return Err(ApiError::bad_request("Idempotency-Key: used before with another body"));
        }
        Recorded::Done { answer, .. } => return replay(&answer),
        Recorded::Pending { since, .. } if backend.now().since(since) < IN_PROGRESS => return Err(ApiError::Busy),
        Recorded::New | Recorded::Pending { .. } => {}
    }
    let answer = publish.await;
    if let Some(record) = record_of(&answer) {
        backend.ports().inbox.finish(&entry, &record).await?;
    }
    answer
}

/// What is kept of an answer. A failure of the server is no answer: the repeat tries again.
fn record_of(answer: &Answer) -> Option<Vec<u8>> {
    let record = match answer {
        Ok(Success(data)) => json!({ "data": data }),
        Err(ApiError::ChannelNotFound) => json!({ "refused": "channel_not_found" }),
        Err(ApiError::NotInSession) => json!({ "refused": "not_in_session" }),
        Err(_) => return None,
    };
    Some(record.to_string().into_bytes())
}

fn replay(record: &[u8]) -> Answer {
    let record: Value = serde_json::from_slice(record).map_err(|_| ApiError::Internal)?;
    match record["refused"].as_str() {
        None => Ok(Success(record["data"].clone())),
        Some("not_in_session") => Err(ApiError::NotInSession),
        Some(_) => Err(ApiError::ChannelNotFound),
    }
}
