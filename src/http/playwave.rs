//! The PlayWave API: what game servers call, and the launcher side. Its paths, fields and quirks, nothing else.

mod answer;
mod body;
mod caller;
mod events;
mod launcher;
mod sessions;

use std::rc::Rc;

use actix_web::web::{self, Data, ServiceConfig, delete, get, patch, post, scope};
use guildhall_actors::session::GameSessions;

use super::Api;
use crate::error::PlaywaveError;

pub(super) use caller::PlaywaveClient;

/// Called once for each worker thread, which has a registry of sessions of its own.
pub(super) fn routes(api: &Data<Api>, config: &mut ServiceConfig) {
    let sessions: Rc<GameSessions> = GameSessions::start(api.backend.clone(), api.settings.playwave.actor_idle);
    config
        .app_data(sessions)
        .service(
            scope("/v1/game")
                .service(at("/session/heartbeat").route(patch().to(sessions::heartbeat)))
                .service(at("/session/verify").route(post().to(sessions::verify)))
                .service(at("/session/end").route(delete().to(sessions::end)))
                .service(at("/session/check").route(post().to(sessions::check)))
                .default_service(web::to(not_found)),
        )
        .service(
            scope("/v1/events")
                .service(at("").route(get().to(events::page)))
                .service(at("/stream").route(get().to(events::stream)))
                .default_service(web::to(not_found)),
        )
        .service(
            scope("/v1/launcher")
                .service(at("/session/start").route(post().to(launcher::start)))
                .service(at("/ott").route(post().to(launcher::issue_token)))
                .service(at("/session/heartbeat").route(patch().to(launcher::heartbeat)))
                .service(at("/session/end").route(delete().to(launcher::end)))
                .default_service(web::to(not_found)),
        );
}

async fn not_found() -> PlaywaveError {
    PlaywaveError::NotFound
}

/// A path whose other methods get the contract's answer.
fn at(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(|| async { PlaywaveError::MethodNotAllowed }))
}
