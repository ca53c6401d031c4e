//! The operator API: games and players by their names and ids, and in `cafes` those who pay.

mod cafes;

use actix_web::HttpRequest;
use actix_web::web::{self, Path, ServiceConfig};
use guildhall_actors::clock::Timestamp;
use guildhall_actors::connection::Note;
use guildhall_actors::ids::{GameId, PlayerKey};
use guildhall_actors::ports::{PlayerState, Suspension};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Success};
use super::at;
use super::body::{Json, query};
use super::caller::{Operator, player_id};
use crate::error::ApiError;

/// Channels listed at once.
const MAX_PAGE_SIZE: u64 = 100;

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(
        web::scope("/admin/v1")
            .configure(cafes::routes)
            .service(at("/overview").route(web::get().to(overview)))
            .service(at("/games/{game}/channels").route(web::get().to(channels)))
            .service(at("/games/{game}/players/{player}").route(web::get().to(player)))
            .service(at("/games/{game}/players/{player}/disconnect").route(web::post().to(disconnect)))
            .service(
                at("/games/{game}/players/{player}/suspension")
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

fn game(operator: &Operator, name: &str) -> Result<GameId, ApiError> {
    let is_known = operator.api.settings.games.iter().any(|game| game.name == name);
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
        "suspension": state.suspension.as_ref().map(|suspension| json!({
            "reason": suspension.reason, "from": suspension.from, "until": suspension.until,
        })),
        "session": session,
    })
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
    let set = async move { backend.suspend(&player, suspension.as_ref()).await };
    operator.api.backend.spawn(set).await?;
    Ok(Success::empty())
}

async fn disconnect(operator: Operator, path: Path<(String, String)>) -> Answer {
    let player = player_key(&operator, &path)?;
    operator.api.backend.send_note(&player, Note::Disconnected).await?;
    Ok(Success::empty())
}
