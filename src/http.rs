//! HTTP: which paths lead where.

mod admin;
mod answer;
mod body;
mod caller;
mod health;
mod hive_chat;
mod idempotency;

use std::collections::HashMap;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use guildhall_actors::backend::{Backend, Game};

use crate::config::Settings;
use crate::error::ApiError;
use crate::health::Health;
use crate::rate::RateLimiter;
use crate::secret::Secret;
use crate::ws::CHAT_SOCKET;

pub use idempotency::SOURCE as IDEMPOTENCY_SOURCE;

/// What the handlers know.
pub struct Api {
    pub backend: Backend,
    pub settings: Arc<Settings>,
    pub health: Health,
    games: HashMap<i64, Client>,
    /// By game and place of the key in its list.
    calls: RateLimiter<(i64, usize)>,
}

/// A game that may call, and its keys.
struct Client {
    game: Arc<Game>,
    certification_keys: Vec<Secret>,
}

impl Api {
    pub fn new(backend: Backend, settings: Arc<Settings>, health: Health) -> Self {
        let client = |hive: &crate::config::Hive| {
            let game = backend.game_by_index(hive.game_index)?;
            Some((hive.game_index, Client { game, certification_keys: hive.certification_keys.clone() }))
        };
        let games = settings.games.iter().filter_map(|game| client(game.hive.as_ref()?)).collect();
        let calls = RateLimiter::new(settings.limits.api_per_sec, settings.limits.api_burst);
        Self { backend, settings, health, games, calls }
    }
}

/// The public listener.
pub fn public(api: Data<Api>) -> impl Fn(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(api.clone())
            .configure(hive_chat::routes)
            .service(at(CHAT_SOCKET).route(web::get().to(upgrade_wanted)))
            .default_service(web::to(not_found));
    }
}

/// The listener for operators.
pub fn admin(api: Data<Api>) -> impl Fn(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(api.clone())
            .configure(health::routes)
            .configure(admin::routes)
            .default_service(web::to(not_found));
    }
}

/// An upgrade never gets here: `ws` takes it over before any route.
async fn upgrade_wanted() -> ApiError {
    ApiError::bad_request("a WebSocket upgrade (RFC 6455)")
}

async fn not_found() -> ApiError {
    ApiError::NotFound
}

/// A path whose other methods get the contract's answer.
fn at(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::to(|| async { ApiError::MethodNotAllowed }))
}
