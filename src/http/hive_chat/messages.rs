//! Operations 15 to 19: notices, custom messages, history.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Path;
use guildhall_actors::connection::Note;
use guildhall_actors::event::{EventBody, Position};
use guildhall_actors::ids::PlayerId;
use guildhall_actors::ports::NewEvent;
use serde::Deserialize;
use serde_json::json;

use super::objects;
use crate::error::ApiError;
use crate::http::answer::{Answer, Success};
use crate::http::body::{Body, is_json, parse, query};
use crate::http::caller::GameServer;
use crate::http::idempotency;

/// Largest custom payload ("Hive Chat HTTP API, code 400").
const CUSTOM_BYTES: usize = 8000;
/// Most messages before or after the anchor.
const HISTORY_SIZE: usize = 50;

/// Names under which repeats of the operations are known.
const NOTICE: &str = "notices/channel";
const CUSTOM: &str = "customs/channel";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelNotice {
    channel_id: Option<String>,
    message: String,
    lang_code: Option<Arc<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserNotice {
    player_id: PlayerId,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChannelCustom {
    channel_id: String,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserCustom {
    player_id: PlayerId,
    payload: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HistoryQuery {
    prev_size: usize,
    next_size: usize,
    message_id: Option<String>,
}

/// 15: to one channel, or to every channel of the game; to everybody, or to one language.
pub(super) async fn notice_channel(caller: GameServer, request: HttpRequest, Body(body): Body) -> Answer {
    let notice: ChannelNotice = parse(&body, is_json(&request))?;
    let message: Arc<str> = checked_message(&caller, notice.message)?.into();
    let channel = notice.channel_id.map(|id| caller.channel(&id)).transpose()?;
    let key = idempotency::key(&request)?;
    let backend = caller.api.backend.clone();
    let (game, lang, event_key) = (caller.game.id.clone(), notice.lang_code, publication(NOTICE, key.as_ref()));
    let publish = async move {
        match channel {
            Some(channel) => {
                let event = NewEvent { body: EventBody::Notice { message, lang }, idempotency_key: event_key };
                backend.append(channel, event).await?;
            }
            None => backend.notice_everywhere(&game, &message, lang.as_ref(), event_key.as_deref()).await?,
        }
        Ok(Success::empty())
    };
    run(caller, NOTICE, key, body, publish).await
}

/// 16: to one player with a live socket.
pub(super) async fn notice_user(caller: GameServer, request: HttpRequest, Body(body): Body) -> Answer {
    let notice: UserNotice = parse(&body, is_json(&request))?;
    let message = checked_message(&caller, notice.message)?.into();
    let note = Note::Notice { message, at: caller.api.backend.now() };
    send_note(caller, request, "notices/user", notice.player_id, note, body).await
}

/// 17: an opaque payload to one channel.
pub(super) async fn custom_channel(caller: GameServer, request: HttpRequest, Body(body): Body) -> Answer {
    let custom: ChannelCustom = parse(&body, is_json(&request))?;
    let payload = checked_payload(custom.payload)?.into();
    let (channel, key) = (caller.channel(&custom.channel_id)?, idempotency::key(&request)?);
    let idempotency_key = publication(CUSTOM, key.as_ref());
    let event = NewEvent { body: EventBody::Custom { payload }, idempotency_key };
    let backend = caller.api.backend.clone();
    let publish = async move {
        backend.append(channel, event).await?;
        Ok(Success::empty())
    };
    run(caller, CUSTOM, key, body, publish).await
}

/// 18: an opaque payload to one player with a live socket.
pub(super) async fn custom_user(caller: GameServer, request: HttpRequest, Body(body): Body) -> Answer {
    let custom: UserCustom = parse(&body, is_json(&request))?;
    let payload = checked_payload(custom.payload)?.into();
    let note = Note::Custom { payload, at: caller.api.backend.now() };
    send_note(caller, request, "customs/user", custom.player_id, note, body).await
}

async fn send_note(
    caller: GameServer,
    request: HttpRequest,
    operation: &'static str,
    player: PlayerId,
    note: Note,
    body: bytes::Bytes,
) -> Answer {
    let (key, player, backend) = (idempotency::key(&request)?, caller.player(player), caller.api.backend.clone());
    let publish = async move {
        backend.send_note(&player, note).await?;
        Ok(Success::empty())
    };
    run(caller, operation, key, body, publish).await
}

/// The key in the channel's log: one key may serve for a notice and a custom message.
fn publication(operation: &str, key: Option<&String>) -> Option<String> {
    key.map(|key| format!("{operation}:{key}"))
}

/// Publishes to the end even when the caller hangs up.
async fn run(
    caller: GameServer,
    operation: &'static str,
    key: Option<String>,
    body: bytes::Bytes,
    publish: impl Future<Output = Answer> + 'static,
) -> Answer {
    let backend = caller.api.backend.clone();
    backend.spawn(async move { idempotency::once(&caller, operation, key.as_deref(), &body, publish).await }).await
}

fn checked_message(caller: &GameServer, message: String) -> Result<String, ApiError> {
    let most = caller.api.settings.limits.message_chars;
    match message.chars().count() {
        0 => Err(ApiError::bad_request("message: not empty")),
        count if count > most => Err(ApiError::MessageTooLong),
        _ => Ok(message),
    }
}

fn checked_payload(payload: String) -> Result<String, ApiError> {
    if payload.len() > CUSTOM_BYTES { Err(ApiError::CustomTooLarge) } else { Ok(payload) }
}

/// 19: chat messages around one, or the newest.
pub(super) async fn history(caller: GameServer, path: Path<(String, String)>, request: HttpRequest) -> Answer {
    let key = caller.channel(&path.1)?;
    let wanted: HistoryQuery = query(&request)?;
    if wanted.prev_size > HISTORY_SIZE || wanted.next_size > HISTORY_SIZE {
        return Err(ApiError::bad_request("prevSize, nextSize: 0 to 50"));
    }
    let unknown = || ApiError::bad_request("messageId: the id of a message");
    let parsed = |id: &String| Position::parse_message_id(id).ok_or_else(unknown);
    let anchor = wanted.message_id.as_ref().map(parsed).transpose()?;
    let backend = &caller.api.backend;
    let channel = backend.ports().channels.get(&key).await?;
    if !channel.spec.history {
        return Err(ApiError::Forbidden);
    }
    let is_known = |id: Position| id.epoch == channel.head.epoch && (1..=channel.head.sequence).contains(&id.sequence);
    if anchor.is_some_and(|anchor| !is_known(anchor)) {
        return Err(unknown());
    }
    // Nothing asked for, nothing answered: not even the anchor.
    let found = match (wanted.prev_size, wanted.next_size) {
        (0, 0) => guildhall_actors::ports::History { messages: Vec::new(), has_prev: false, has_next: false },
        (prev, next) => backend.ports().channels.history(&key, anchor, prev, next, backend.now()).await?,
    };
    let message = |event| objects::message(caller.game.index, &key.channel, event);
    let messages: Vec<_> = found.messages.iter().filter_map(message).collect();
    Ok(Success(json!({ "messages": messages, "hasPrev": found.has_prev, "hasNext": found.has_next })))
}
