//! What the launcher on a cafe's PC calls. The contract is ours, in PlayWave's envelope.

use actix_web::HttpRequest;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use guildhall_actors::ids::{GameId, LauncherId, PcId, TokenId};
use guildhall_actors::session::{LauncherCall, LauncherRefusal, Playing, StartLauncher};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use super::super::body::{Body, is_json, parse};
use super::answer::{Answer, Success};
use super::body::{Json, id};
use super::caller::{LauncherBearer, cafe, launcher_key};
use crate::error::PlaywaveError;
use crate::http::caller::api;

/// What a launcher may say of its PC, which is kept with its session.
const MAX_ABOUT_BYTES: usize = 2048;

#[derive(Deserialize)]
struct StartBody {
    #[serde(deserialize_with = "pc_id")]
    pc_id: PcId,
    internal_ip: String,
    hardware: Option<Map<String, Value>>,
    launcher_version: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Started {
    launcher_session_id: LauncherId,
    session_token: String,
    next_heartbeat_in: u64,
    is_pc_cafe: bool,
    games: Vec<Value>,
}

#[derive(Deserialize)]
pub(super) struct TokenBody {
    game_id: String,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Issued {
    Token { issued: bool, ott: TokenId, expires_in: u64, launch_data: String },
    Refused { issued: bool, reason: &'static str },
}

#[derive(Deserialize)]
pub(super) struct LauncherBody {
    #[serde(deserialize_with = "id")]
    launcher_session_id: LauncherId,
}

#[derive(Serialize)]
pub(super) struct Beat {
    result: &'static str,
    next_heartbeat_in: u64,
    balance: u64,
    game_session: Option<Value>,
}

fn pc_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PcId, D::Error> {
    let text = String::deserialize(deserializer)?;
    PcId::parse(&text).ok_or_else(|| D::Error::custom("pc_id: 1 to 128 bytes without control characters"))
}

/// Signed by the cafe, from the cafe's network. What is in the body counts only once it is known to be the cafe's.
pub(super) async fn start(request: HttpRequest, payload: actix_web::web::Payload) -> Answer<Started> {
    let mut payload = payload.into_inner();
    let body = Body::read(&request, &mut payload).await?.0;
    let cafe = cafe(&request, &body).await?;
    let body: StartBody = parse(&body, is_json(&request))?;
    let session_token = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let (api, launcher_session_id) = (api(&request), LauncherId::from_random(rand::random()));
    let about = json!({
        "internal_ip": body.internal_ip,
        "hardware": body.hardware,
        "launcher_version": body.launcher_version,
    });
    let about = about.to_string();
    if about.len() > MAX_ABOUT_BYTES {
        return Err(PlaywaveError::bad_request("internal_ip, hardware and launcher_version: 2048 bytes together"));
    }
    let key = launcher_key(session_token.as_bytes());
    let ask = StartLauncher { pc: body.pc_id, key, id: launcher_session_id, about };
    let backend = api.backend.clone();
    api.backend.spawn(async move { backend.start_launcher(&cafe, ask).await }).await?;
    let games = api.playwave.iter().map(|client| {
        json!({
            "game_id": client.game,
            "name": client.title,
            "provider": client.provider,
            "place_id": client.place_id,
        })
    });
    Ok(Success(Started {
        launcher_session_id,
        session_token,
        next_heartbeat_in: api.settings.playwave.limits.heartbeat.as_secs(),
        is_pc_cafe: true,
        games: games.collect(),
    }))
}

/// A one-time token for a game.
pub(super) async fn issue_token(caller: LauncherBearer, Json(body): Json<TokenBody>) -> Answer<Issued> {
    let api = &caller.api;
    let game = GameId::new(&body.game_id);
    let Some(client) = api.playwave.iter().find(|client| client.game == game) else {
        // Which games there are is for launchers to know.
        let is_known = api.backend.knows_launcher(caller.key).await?;
        return Err(if is_known { PlaywaveError::GameNotFound } else { caller.refused(LauncherRefusal::WrongToken) });
    };
    let (backend, launcher, rate) = (api.backend.clone(), caller.key, client.rate);
    let issued = api.backend.spawn(async move { backend.issue_token(launcher, game, rate).await }).await?;
    let issued = issued.map_err(|refusal| caller.refused(refusal))?;
    Ok(Success(match issued {
        Ok(ott) => Issued::Token {
            issued: true,
            ott,
            expires_in: api.settings.playwave.limits.token.as_secs(),
            launch_data: format!("{}{ott}", api.settings.playwave.launch_prefix),
        },
        Err(_) => Issued::Refused { issued: false, reason: "NOT_CHARGEABLE" },
    }))
}

pub(super) async fn heartbeat(caller: LauncherBearer, Json(body): Json<LauncherBody>) -> Answer<Beat> {
    let ask = LauncherCall { launcher: caller.key, id: body.launcher_session_id };
    let beat = caller.api.backend.launcher_heartbeat(ask).await?.map_err(|refusal| caller.refused(refusal))?;
    let playing = |Playing { session, game, play_duration_sec }: Playing| json!({ "game_session_id": session, "game_id": game, "play_duration_sec": play_duration_sec });
    Ok(Success(Beat {
        result: if beat.is_exhausted { "CHARGE_EXHAUSTED" } else { "OK" },
        next_heartbeat_in: caller.api.settings.playwave.limits.heartbeat.as_secs(),
        balance: beat.balance,
        game_session: beat.playing.map(playing),
    }))
}

/// Ends the live game session of the PC, too. A second end is told that it came too late.
pub(super) async fn end(caller: LauncherBearer, Json(body): Json<LauncherBody>) -> Answer<Value> {
    let ask = LauncherCall { launcher: caller.key, id: body.launcher_session_id };
    let backend = caller.api.backend.clone();
    let ended = caller.api.backend.spawn(async move { backend.end_launcher(ask).await }).await?;
    ended.map_err(|refusal| match caller.refused(refusal) {
        PlaywaveError::LauncherSessionEnded => PlaywaveError::AlreadyEnded,
        other => other,
    })?;
    Ok(Success(json!({ "result": "SUCCESS" })))
}
