//! Who calls: a game server by its certification key, an operator by an admin key.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use guildhall_actors::backend::Game;
use guildhall_actors::ids::{ChannelId, ChannelKey, PlayerId, PlayerKey};

use super::{Api, CallerKey};
use crate::error::ApiError;

/// The game server of the game in the path, proven by its bearer key and within its rate.
pub(super) struct GameServer {
    pub(super) game: Arc<Game>,
    pub(super) api: Data<Api>,
}

/// An operator, proven by the `X-Admin-Key` header.
pub(super) struct Operator {
    pub(super) api: Data<Api>,
}

pub(super) fn api(request: &HttpRequest) -> &Data<Api> {
    request.app_data().expect("every listener is configured with its data")
}

impl FromRequest for GameServer {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::identify(request))
    }
}

impl GameServer {
    fn identify(request: &HttpRequest) -> Result<Self, ApiError> {
        let api = api(request);
        let index = request.match_info().get("gameIndex").and_then(|index| index.parse().ok());
        let client = index.and_then(|index: i64| api.games.get(&index)).ok_or(ApiError::InvalidToken)?;
        let given = bearer(request).ok_or(ApiError::InvalidToken)?;
        // Every key is compared, so that the time does not tell which one matched.
        let matching =
            |found, (place, key): (usize, &crate::secret::Secret)| if key.matches(given) { Some(place) } else { found };
        let place = client.certification_keys.iter().enumerate().fold(None, matching).ok_or(ApiError::InvalidToken)?;
        if !api.calls.allow(CallerKey::Hive(client.game.index, place), api.backend.now()) {
            return Err(ApiError::Busy);
        }
        Ok(Self { game: client.game.clone(), api: api.clone() })
    }

    pub(super) fn player(&self, id: PlayerId) -> PlayerKey {
        self.game.id.player(id)
    }

    /// # Errors
    /// The id is none: no channel can have it.
    pub(super) fn channel(&self, id: &str) -> Result<ChannelKey, ApiError> {
        Ok(self.game.id.channel(ChannelId::parse(id).ok_or(ApiError::ChannelNotFound)?))
    }
}

pub(super) fn bearer(request: &HttpRequest) -> Option<&[u8]> {
    let value = request.headers().get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let api = api(request);
        let given = request.headers().get("X-Admin-Key").map_or(&b""[..], |key| key.as_bytes());
        let known = api.settings.admin.keys.iter().fold(false, |known, key| known | key.matches(given));
        ready(if known { Ok(Self { api: api.clone() }) } else { Err(ApiError::InvalidToken) })
    }
}

/// A player id in a path.
pub(super) fn player_id(text: &str) -> Result<PlayerId, ApiError> {
    text.parse().map(PlayerId).map_err(|_| ApiError::bad_request("playerId: a 64-bit integer"))
}
