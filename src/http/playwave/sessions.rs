//! What game servers call ("PlayWave API": verify, heartbeat, end; check is ours).

use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use guildhall_actors::backend::Arrival;
use guildhall_actors::ids::{PlayerId, SessionId, TokenId};
use guildhall_actors::session::{BeatResult, Check, End, GameSessions, Heartbeat, VerifyRefusal};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Success};
use super::body::{Json, id, user_id};
use super::caller::GameServer;
use crate::error::PlaywaveError;
use crate::http::Api;
use crate::metrics::{HeartbeatOutcome, server_meters};

#[derive(Deserialize)]
pub(super) struct VerifyBody {
    ott: String,
    #[serde(deserialize_with = "user_id")]
    provider_user_id: PlayerId,
}

#[derive(Deserialize)]
pub(super) struct SessionBody {
    #[serde(deserialize_with = "id")]
    game_session_id: SessionId,
    #[serde(deserialize_with = "user_id")]
    provider_user_id: PlayerId,
}

#[derive(Deserialize)]
pub(super) struct EndBody {
    #[serde(deserialize_with = "id")]
    game_session_id: SessionId,
    /// Whole seconds; absent or null: not measured.
    play_duration_sec: Option<u64>,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Verified {
    Valid { is_valid: bool, game_session_id: SessionId, is_pc_cafe: bool },
    Refused { is_valid: bool, reason: &'static str },
}

#[derive(Serialize)]
pub(super) struct Beat {
    result: &'static str,
    next_heartbeat_in: u64,
    play_duration_sec: u64,
}

#[derive(Serialize)]
pub(super) struct Ended {
    result: &'static str,
    play_duration_sec: u64,
    client_play_duration_sec: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Checked {
    is_valid: bool,
    game_session_id: SessionId,
    is_pc_cafe: bool,
    next_heartbeat_in: u64,
    play_duration_sec: u64,
}

const fn reason(refusal: VerifyRefusal) -> &'static str {
    match refusal {
        VerifyRefusal::OttExpired => "OTT_EXPIRED",
        VerifyRefusal::OttAlreadyUsed => "OTT_ALREADY_USED",
        VerifyRefusal::GameMismatch => "GAME_MISMATCH",
        VerifyRefusal::Suspended => "SUSPENDED",
        VerifyRefusal::NotChargeable => "NOT_CHARGEABLE",
    }
}

const fn result(result: BeatResult) -> &'static str {
    match result {
        BeatResult::Ok => "OK",
        BeatResult::ChargeExhausted => "CHARGE_EXHAUSTED",
        BeatResult::SessionReplaced => "SESSION_REPLACED",
    }
}

/// A refusal of the business is no HTTP error.
pub(super) async fn verify(caller: GameServer, api: Data<Api>, Json(body): Json<VerifyBody>) -> Answer<Verified> {
    let prefix = &api.settings.playwave.launch_prefix;
    let bare = body.ott.strip_prefix(prefix.as_str()).unwrap_or(&body.ott);
    let token = TokenId::parse(bare).ok_or_else(|| PlaywaveError::bad_request("ott: a UUID"))?;
    let (game, rate) = (caller.client.game.clone(), caller.client.rate);
    let arrival = Arrival { token, game, player: body.provider_user_id, rate };
    let backend = api.backend.clone();
    // To its end, also when the caller hangs up: a token is not to be half used.
    let verified = api.backend.spawn(async move { backend.verify(arrival).await }).await?;
    Ok(Success(match verified {
        Ok(game_session_id) => Verified::Valid { is_valid: true, game_session_id, is_pc_cafe: true },
        Err(refusal) => Verified::Refused { is_valid: false, reason: reason(refusal) },
    }))
}

pub(super) async fn heartbeat(caller: GameServer, request: HttpRequest, Json(body): Json<SessionBody>) -> Answer<Beat> {
    let session = body.game_session_id;
    let ask = Heartbeat { session, game: caller.client.game.clone(), player: body.provider_user_id };
    let asked = sessions(&request).ask(session, ask).await;
    let outcome = asked.as_ref().map_or_else(HeartbeatOutcome::from, |beat| beat.result.into());
    server_meters().heartbeats.of((outcome,)).increment(1);
    let beat = asked?;
    Ok(Success(Beat {
        result: result(beat.result),
        next_heartbeat_in: beat.next_heartbeat_in.as_secs(),
        play_duration_sec: beat.play_duration_sec,
    }))
}

pub(super) async fn end(caller: GameServer, request: HttpRequest, Json(body): Json<EndBody>) -> Answer<Ended> {
    let (session, client_play_duration_sec) = (body.game_session_id, body.play_duration_sec);
    let ask = End { session, game: caller.client.game.clone(), client_play_duration_sec };
    let finished = sessions(&request).ask(session, ask).await?;
    let play_duration_sec = finished.play_duration_sec;
    Ok(Success(Ended { result: "SUCCESS", play_duration_sec, client_play_duration_sec }))
}

pub(super) async fn check(caller: GameServer, request: HttpRequest, Json(body): Json<SessionBody>) -> Answer<Checked> {
    let session = body.game_session_id;
    let ask = Check { session, game: caller.client.game.clone(), player: body.provider_user_id };
    let checked = sessions(&request).ask(session, ask).await?;
    Ok(Success(Checked {
        is_valid: true,
        game_session_id: session,
        is_pc_cafe: true,
        next_heartbeat_in: checked.next_heartbeat_in.as_secs(),
        play_duration_sec: checked.play_duration_sec,
    }))
}

/// The registry of this worker thread.
fn sessions(request: &HttpRequest) -> &Rc<GameSessions> {
    request.app_data().expect("the routes come with their registry")
}
