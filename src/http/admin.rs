//! The operator API: games and players by their names and ids, and in `cafes` those who pay.

mod cafes;

use actix_web::HttpRequest;
use actix_web::web::{self, Path, ServiceConfig};
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::{GameId, PlayerKey};
use guildhall_actors::ports::{Decider, Field, PlayerState, Profile, Suspension};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Success};
use super::at;
use super::body::{Json, query};
use super::caller::{Operator, player_id};
use crate::error::ApiError;
use crate::webhooks::event::delivery;
use crate::webhooks::{SOURCES, game_id, game_name};

/// Channels listed at once.
const MAX_PAGE_SIZE: u64 = 100;
/// Webhooks listed at once.
const MAX_DELIVERIES: usize = 1000;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::scope("/admin/v1")
            .configure(cafes::routes)
            .service(at("/overview").route(web::get().to(overview)))
            .service(at("/games/{game}/channels").route(web::get().to(channels)))
            .service(at("/games/{game}/players/{player}").route(web::get().to(player)))
            .service(at("/games/{game}/players/{player}/disconnect").route(web::post().to(disconnect)))
            .service(at("/games/{game}/deliveries").route(web::get().to(deliveries)))
            .service(
                at("/games/{game}/players/{player}/suspension")
                    .route(web::get().to(suspension))
                    .route(web::put().to(suspend))
                    .route(web::delete().to(lift)),
            ),
    );
}

#[derive(Deserialize)]
struct SuspendBody {
    #[serde(default)]
    reason: String,
    /// Unix milliseconds; absent: from now.
    from: Option<Timestamp>,
    /// Unix milliseconds; absent: for good.
    until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct PageQuery {
    #[serde(default = "first")]
    page: u64,
    #[serde(default = "most")]
    size: u64,
}

fn first() -> u64 {
    1
}

fn most() -> u64 {
    MAX_PAGE_SIZE
}

async fn overview(operator: Operator) -> Answer {
    let backend = &operator.api.backend;
    let games: Vec<_> = operator.api.settings.games.iter().map(|game| &game.name).collect();
    Ok(Success(json!({
        "node": backend.node(),
        "games": games,
        "connections": backend.connection_count(),
        "channelActors": backend.channel_count(),
        "draining": operator.api.health.is_draining(),
    })))
}

/// A game, or the sandbox of one.
fn game(operator: &Operator, name: &str) -> Result<GameId, ApiError> {
    let is_known = operator.api.settings.games.iter().any(|game| game.name == game_name(name));
    if is_known { Ok(GameId::new(name)) } else { Err(ApiError::NotFound) }
}

fn player_key(operator: &Operator, path: &(String, String)) -> Result<PlayerKey, ApiError> {
    Ok(game(operator, &path.0)?.player(player_id(&path.1)?))
}

async fn channels(operator: Operator, path: Path<String>, request: HttpRequest) -> Answer {
    let game = game(&operator, &path)?;
    let PageQuery { page, size } = query(&request)?;
    if page == 0 || !(1..=MAX_PAGE_SIZE).contains(&size) {
        return Err(ApiError::bad_request("page: from 1; size: 1 to 100"));
    }
    let found = operator.api.backend.ports().channels.list(&game, None, page, size).await?;
    let channel = |channel: &guildhall_actors::ports::Channel| {
        json!({
            "channelId": channel.id,
            "type": channel.spec.kind,
            "channelName": channel.spec.name,
            "memberCount": channel.member_count,
            "epoch": channel.head.epoch.to_string(),
            "sequence": channel.head.sequence,
        })
    };
    let channels: Vec<_> = found.channels.iter().map(channel).collect();
    Ok(Success(json!({ "channels": channels, "page": page, "size": size, "totalCount": found.total })))
}

async fn player(operator: Operator, path: Path<(String, String)>) -> Answer {
    let player = player_key(&operator, &path)?;
    let backend = &operator.api.backend;
    let state = backend.ports().players.look_up(&player).await?;
    if state.known_since.is_none() {
        return Err(ApiError::NotFound);
    }
    let newest = backend.live_sessions(&state.plays).await?.pop();
    let session = newest.map(|(id, cafe, session)| cafes::describe_session(id, &cafe, &session, backend.now()));
    Ok(Success(describe(&player, &state, session.as_ref())))
}

fn describe(player: &PlayerKey, state: &PlayerState, session: Option<&Value>) -> Value {
    let channels: Vec<_> = state.joined.iter().filter(|joined| joined.entered.is_some()).collect();
    json!({
        "playerId": player.player,
        "knownSince": state.known_since,
        "login": state.login.as_ref().map(|login| json!({ "id": login.id, "node": login.node, "at": login.at })),
        "channels": channels.iter().map(|joined| &joined.channel).collect::<Vec<_>>(),
        "blocks": state.blocks.iter().map(|block| block.player).collect::<Vec<_>>(),
        "suspension": state.suspension.as_ref().map(describe_suspension),
        "profile": describe_profile(&state.profile),
        "session": session,
    })
}

fn describe_suspension(suspension: &Suspension) -> Value {
    json!({ "reason": suspension.reason, "from": suspension.from, "until": suspension.until })
}

fn describe_profile(profile: &Profile) -> Option<Value> {
    let value = |field: &Option<Field>| field.as_ref().map(|field| field.value.clone());
    let shown = json!({
        "name": value(&profile.name),
        "email": value(&profile.email),
        "avatar_url": value(&profile.avatar_url),
    });
    (!profile.is_empty()).then_some(shown)
}

async fn suspension(operator: Operator, path: Path<(String, String)>) -> Answer {
    let player = player_key(&operator, &path)?;
    let state = operator.api.backend.ports().players.look_up(&player).await?;
    let none = || json!({ "reason": null, "from": null, "until": null });
    Ok(Success(state.suspension.as_ref().map_or_else(none, describe_suspension)))
}

#[derive(Deserialize)]
struct DeliveriesQuery {
    after: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    sandbox: bool,
}

/// The webhooks of a game after a cursor, or the newest ones; either way the newest last.
async fn deliveries(operator: Operator, path: Path<String>, request: HttpRequest) -> Answer {
    let game = game(&operator, &path)?;
    let DeliveriesQuery { after, limit, sandbox } = query(&request)?;
    let limit = limit.unwrap_or(MAX_DELIVERIES / 10);
    if !(1..=MAX_DELIVERIES).contains(&limit) {
        return Err(ApiError::bad_request("limit: 1 to 1000"));
    }
    let game = game_id(game_name(game.as_str()), sandbox || game_name(game.as_str()) != game.as_str());
    let inbox = &operator.api.backend.ports().inbox;
    let entries = match after {
        Some(after) => inbox.read(&game, &SOURCES, after, limit).await?.entries,
        None => inbox.read_newest(&game, &SOURCES, limit).await?,
    };
    let next = entries.last().map(|entry| entry.cursor).or(after).map(|cursor| cursor.to_string());
    let deliveries: Vec<_> = entries.iter().map(delivery).collect();
    Ok(Success(json!({ "deliveries": deliveries, "next": next })))
}

async fn suspend(operator: Operator, path: Path<(String, String)>, Json(body): Json<SuspendBody>) -> Answer {
    let player = player_key(&operator, &path)?;
    let from = body.from.unwrap_or_else(|| operator.api.backend.now());
    if body.until.is_some_and(|until| until <= from) {
        return Err(ApiError::bad_request("until: after from"));
    }
    set_suspension(&operator, player, Some(Suspension { from, until: body.until, reason: body.reason })).await
}

async fn lift(operator: Operator, path: Path<(String, String)>) -> Answer {
    let player = player_key(&operator, &path)?;
    set_suspension(&operator, player, None).await
}

async fn set_suspension(operator: &Operator, player: PlayerKey, suspension: Option<Suspension>) -> Answer {
    let backend = operator.api.backend.clone();
    let by = Decider::Operator(backend.now());
    let set = async move { backend.suspend(&player, suspension.as_ref(), by).await };
    operator.api.backend.spawn(set).await?;
    Ok(Success::empty())
}

async fn disconnect(operator: Operator, path: Path<(String, String)>) -> Answer {
    let player = player_key(&operator, &path)?;
    operator.api.backend.disconnect(&player).await?;
    Ok(Success::empty())
}
