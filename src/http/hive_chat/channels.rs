//! Operations 1, 2 and 4 to 7: channels.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;
use actix_web::web::Path;
use guildhall_actors::ids::{ChannelId, PlayerId};
use guildhall_actors::ports::{ChannelError, ChannelKind, ChannelPatch, ChannelSpec, Owner, Password};
use serde::Deserialize;
use serde_json::json;

use super::objects;
use crate::error::ApiError;
use crate::http::answer::{Answer, Success};
use crate::http::body::{Json, query};
use crate::http::caller::GameServer;

/// Longest channel name and password, in characters.
const NAME_CHARS: usize = 50;
const PASSWORD_CHARS: usize = 50;
/// Most members ("Hive Chat HTTP API, channel types").
const PUBLIC_MEMBERS: u32 = 5000;
const CLOSED_MEMBERS: u32 = 500;
/// Channels on one page.
const PAGE_SIZES: RangeInclusive<u64> = 1..=10;

#[derive(Deserialize)]
struct ListQuery {
    #[serde(default = "first_page")]
    page: u64,
    #[serde(default = "largest_page")]
    size: u64,
    r#type: Option<String>,
}

fn first_page() -> u64 {
    1
}

fn largest_page() -> u64 {
    *PAGE_SIZES.end()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBody {
    channel_id: String,
    channel_name: String,
    max_member_count: u32,
    r#type: String,
    password: Option<String>,
    chat_history_allowed: Option<bool>,
    player_id: Option<PlayerId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneOnOneBody {
    player_ids: [PlayerId; 2],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateBody {
    channel_name: Option<String>,
    max_member_count: Option<u32>,
    password: Option<String>,
    chat_history_allowed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteQuery {
    player_id: Option<PlayerId>,
}

/// 1: one page of the game's channels.
pub(super) async fn list(caller: GameServer, request: HttpRequest) -> Answer {
    let ListQuery { page, size, r#type } = query(&request)?;
    if page == 0 {
        return Err(ApiError::bad_request("page: from 1"));
    }
    if !PAGE_SIZES.contains(&size) {
        return Err(ApiError::bad_request("size: 1 to 10"));
    }
    let kind = r#type.map(|text| ChannelKind::parse(&text).ok_or_else(unknown_type)).transpose()?;
    let found = caller.api.backend.ports().channels.list(&caller.game.id, kind, page, size).await?;
    let index = caller.game.index;
    let channels: Vec<_> = found.channels.iter().map(|channel| objects::channel(index, channel)).collect();
    Ok(Success(json!({
        "gameIndex": index, "channels": channels, "page": page, "size": size, "totalCount": found.total,
    })))
}

/// 2: a channel with its members.
pub(super) async fn get(caller: GameServer, path: Path<(String, String)>) -> Answer {
    let key = caller.channel(&path.1)?;
    let channels = &caller.api.backend.ports().channels;
    let channel = channels.get(&key).await?;
    let members: Vec<_> = channels.members(&key).await?.iter().map(objects::member).collect();
    let mut data = objects::channel(caller.game.index, &channel);
    data["members"] = members.into();
    Ok(Success(data))
}

/// 4: a channel; with `playerId`, that player owns it and is in it at once.
pub(super) async fn create(caller: GameServer, Json(body): Json<CreateBody>) -> Answer {
    let id = ChannelId::parse(&body.channel_id)
        .ok_or_else(|| ApiError::bad_request("channelId: 1 to 100 characters of A-Z a-z 0-9 - . _ ~ :"))?;
    if id.is_one_on_one() {
        return Err(ApiError::bad_request("channelId: one-on-one: is kept for the channels of two players"));
    }
    let kind = ChannelKind::parse(&body.r#type).filter(|kind| *kind != ChannelKind::OneOnOne);
    let kind = kind.ok_or_else(unknown_type)?;
    let spec = ChannelSpec {
        kind,
        name: checked_name(body.channel_name)?,
        max_members: checked_max(kind, body.max_member_count, caller.api.settings.chat.relax_min_members)?,
        password: checked_password(kind, body.password)?,
        password_revision: 0,
        history: body.chat_history_allowed.unwrap_or(false),
        owner: body.player_id.map_or(Owner::System, Owner::Player),
    };
    if kind == ChannelKind::Private && spec.password.is_none() {
        return Err(ApiError::bad_request("password: required for PRIVATE"));
    }
    let members: Vec<_> = body.player_id.into_iter().collect();
    make(&caller, id, spec, members).await
}

/// 5: the channel of two players; the one they have, when they have it already.
pub(super) async fn create_one_on_one(caller: GameServer, Json(body): Json<OneOnOneBody>) -> Answer {
    let [a, b] = body.player_ids;
    if a == b {
        return Err(ApiError::bad_request("playerIds: two different players"));
    }
    let id = ChannelId::one_on_one(a, b);
    let spec = ChannelSpec {
        kind: ChannelKind::OneOnOne,
        name: id.to_string(),
        max_members: 2,
        password: None,
        password_revision: 0,
        history: false,
        owner: Owner::System,
    };
    let key = caller.game.id.channel(id.clone());
    match caller.api.backend.ports().channels.get(&key).await {
        Err(ChannelError::NotFound) => {}
        found => return Ok(Success(objects::channel(caller.game.index, &found?))),
    }
    for (player, other) in [(a, b), (b, a)] {
        let state = caller.api.backend.ports().players.look_up(&caller.player(player)).await?;
        if state.blocks.iter().any(|block| block.player == other) {
            return Err(ApiError::Blocked);
        }
    }
    match make(&caller, id, spec, vec![a, b]).await {
        // Asked for twice at once: both get the one channel.
        Err(ApiError::DuplicateChannel) => {
            let channel = caller.api.backend.ports().channels.get(&key).await?;
            Ok(Success(objects::channel(caller.game.index, &channel)))
        }
        made => made,
    }
}

async fn make(caller: &GameServer, id: ChannelId, spec: ChannelSpec, members: Vec<PlayerId>) -> Answer {
    let (backend, key) = (caller.api.backend.clone(), caller.game.id.channel(id));
    let made = caller.api.backend.spawn(async move { backend.create_channel(&key, spec, &members).await });
    Ok(Success(objects::channel(caller.game.index, &made.await?)))
}

/// 6: changes what the body names.
pub(super) async fn update(caller: GameServer, path: Path<(String, String)>, Json(body): Json<UpdateBody>) -> Answer {
    let key = caller.channel(&path.1)?;
    let channels = &caller.api.backend.ports().channels;
    let kind = channels.get(&key).await?.spec.kind;
    if kind == ChannelKind::OneOnOne {
        return Err(ApiError::Forbidden);
    }
    let relaxed = caller.api.settings.chat.relax_min_members;
    let patch = ChannelPatch {
        name: body.channel_name.map(checked_name).transpose()?,
        max_members: body.max_member_count.map(|count| checked_max(kind, count, relaxed)).transpose()?,
        password: checked_password(kind, body.password)?,
        history: body.chat_history_allowed,
    };
    Ok(Success(objects::channel(caller.game.index, &channels.update(&key, patch).await?)))
}

/// 7: with the query `playerId`, only for its owner.
pub(super) async fn delete(caller: GameServer, path: Path<(String, String)>, request: HttpRequest) -> Answer {
    let key = caller.channel(&path.1)?;
    let asked_by = query::<DeleteQuery>(&request)?.player_id;
    let backend = caller.api.backend.clone();
    caller.api.backend.spawn(async move { backend.delete_channel(&key, asked_by).await }).await?;
    Ok(Success::empty())
}

fn unknown_type() -> ApiError {
    ApiError::bad_request("type: PUBLIC, PRIVATE or GROUP")
}

fn checked_name(name: String) -> Result<String, ApiError> {
    if (1..=NAME_CHARS).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(ApiError::bad_request("channelName: 1 to 50 characters"))
    }
}

fn checked_max(kind: ChannelKind, count: u32, relaxed: bool) -> Result<u32, ApiError> {
    let least = if relaxed { 1 } else { 2 };
    let most = if kind == ChannelKind::Public { PUBLIC_MEMBERS } else { CLOSED_MEMBERS };
    if (least..=most).contains(&count) {
        Ok(count)
    } else {
        Err(ApiError::bad_request(format!("maxMemberCount: {least} to {most}")))
    }
}

fn checked_password(kind: ChannelKind, password: Option<String>) -> Result<Option<Password>, ApiError> {
    let Some(password) = password else { return Ok(None) };
    if kind != ChannelKind::Private {
        return Err(ApiError::bad_request("password: for PRIVATE only"));
    }
    if (1..=PASSWORD_CHARS).contains(&password.chars().count()) {
        Ok(Some(Password::new(password)))
    } else {
        Err(ApiError::bad_request("password: 1 to 50 characters"))
    }
}
