//! HTTP: which paths lead where.

mod admin;
mod answer;
mod body;
mod caller;
mod health;
mod hive_chat;
mod idempotency;
mod metrics;
mod playwave;
mod webhooks;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::web::{self, Data, ServiceConfig};
use guildhall_actors::backend::{Backend, Game};
use guildhall_actors::ids::{CafeId, GameId, LauncherKey};
use guildhall_actors::metrics::RateLimit;

use crate::config::{self, Settings};
use crate::error::ApiError;
use crate::health::Health;
use crate::rate::RateLimiter;
use crate::secret::Secret;
use crate::ws::CHAT_SOCKET;

use playwave::PlaywaveClient;

pub use idempotency::SOURCE as IDEMPOTENCY_SOURCE;
pub use metrics::metrics;

/// What the handlers know.
pub struct Api {
    pub backend: Backend,
    pub settings: Arc<Settings>,
    pub health: Health,
    games: HashMap<i64, Client>,
    /// Games that are served.
    playwave: Vec<Arc<PlaywaveClient>>,
    /// Signs for cafes that do not exist.
    nobodys_secret: Secret,
    calls: RateLimiter<CallerKey>,
    /// Callers who proved to be nobody, by address: to look for them costs a reading of the disk.
    strangers: RateLimiter<IpAddr>,
}

/// Whose calls are counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
enum CallerKey {
    /// A certification key: its game, and its place in the list.
    Hive(i64, usize),
    /// An API key: the place of its game, and its place in the list.
    Playwave(usize, usize),
    Cafe(CafeId),
    Launcher(LauncherKey),
}

/// A game that may call, and its keys.
struct Client {
    game: Arc<Game>,
    certification_keys: Vec<Secret>,
}

impl Api {
    pub fn new(backend: Backend, settings: Arc<Settings>, health: Health) -> Self {
        let client = |hive: &config::Hive| {
            let game = backend.game_by_index(hive.game_index)?;
            Some((hive.game_index, Client { game, certification_keys: hive.certification_keys.clone() }))
        };
        let games = settings.games.iter().filter_map(|game| client(game.hive.as_ref()?)).collect();
        let playwave = settings.games.iter().filter_map(playwave_client).map(Arc::new).collect();
        let limits = &settings.limits;
        let calls = RateLimiter::new(RateLimit::Calls, limits.api_per_sec, limits.api_burst);
        let strangers =
            RateLimiter::new(RateLimit::Strangers, limits.failures_per_ip_per_sec, limits.failures_per_ip_burst);
        Self { backend, settings, health, games, playwave, nobodys_secret: Secret::random(), calls, strangers }
    }
}

/// The game as PlayWave's callers know it, if it is served.
fn playwave_client(game: &config::Game) -> Option<PlaywaveClient> {
    let playwave = game.playwave.as_ref().filter(|playwave| playwave.active)?;
    Some(PlaywaveClient {
        game: GameId::new(&game.name),
        api_keys: playwave.api_keys.clone(),
        rate: playwave.rate,
        title: playwave.title.clone().unwrap_or_else(|| game.name.clone()),
        provider: playwave.provider.clone(),
        place_id: playwave.place_id.clone(),
    })
}

/// The public listener.
pub fn public(api: Data<Api>) -> impl Fn(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(api.clone())
            // Fixed prefixes first: they are compared, the others' patterns are matched.
            .configure(|config| playwave::routes(&api, config))
            .configure(webhooks::routes)
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
