//! Who calls: a game server by its API key, a launcher by its cafe's signature or its session token.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use guildhall_actors::ids::{CafeId, GameId, LauncherKey};
use guildhall_actors::session::{LauncherRefusal, Rate};
use ipnet::IpNet;

use super::super::{Api, CallerKey};
use crate::client_ip::{client_ip, counted_as};
use crate::config;
use crate::error::PlaywaveError;
use crate::http::caller::{api, bearer};
use crate::secret::{KeyDigest, Secret};

/// A game as game servers and launchers know it, and the keys that open it.
#[derive(Clone)]
pub(in crate::http) struct PlaywaveClient {
    pub(in crate::http) game: GameId,
    pub(in crate::http) api_keys: Vec<KeyDigest>,
    pub(in crate::http) rate: Rate,
    pub(in crate::http) title: String,
    pub(in crate::http) provider: String,
    pub(in crate::http) place_id: Option<String>,
}

/// What a cafe's launchers prove themselves by.
struct CafeTerms {
    secret: Secret,
    networks: Vec<IpNet>,
}

/// A game server, proven by `X-Api-Key` and within its rate ("PlayWave API, authentication").
pub(super) struct GameServer {
    pub(super) client: Arc<PlaywaveClient>,
}

/// A launcher session that is named by its bearer token. Whether it lives is for the cafe to say.
pub(super) struct LauncherBearer {
    pub(super) key: LauncherKey,
    pub(super) api: Data<Api>,
    from: Option<IpAddr>,
}

impl FromRequest for GameServer {
    type Error = PlaywaveError;
    type Future = Ready<Result<Self, PlaywaveError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::identify(request))
    }
}

impl GameServer {
    fn identify(request: &HttpRequest) -> Result<Self, PlaywaveError> {
        let api = api(request);
        let given = request.headers().get("X-Api-Key").ok_or(PlaywaveError::InvalidApiKey)?;
        let given = KeyDigest::of(given.as_bytes());
        // Every key is compared, so that the time does not tell which one matched.
        let mut found = None;
        for (place, client) in api.playwave.iter().enumerate() {
            for (key_place, key) in client.api_keys.iter().enumerate() {
                if key.is(&given) {
                    found = Some((place, key_place, client));
                }
            }
        }
        let (place, key_place, client) = found.ok_or(PlaywaveError::InvalidApiKey)?;
        if !api.calls.allow(CallerKey::Playwave(place, key_place), api.backend.now()) {
            return Err(PlaywaveError::RateLimited);
        }
        Ok(Self { client: client.clone() })
    }
}

impl FromRequest for LauncherBearer {
    type Error = PlaywaveError;
    type Future = Ready<Result<Self, PlaywaveError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::identify(request))
    }
}

impl LauncherBearer {
    fn identify(request: &HttpRequest) -> Result<Self, PlaywaveError> {
        let api = api(request);
        let key = launcher_key(bearer(request).ok_or(PlaywaveError::InvalidToken)?);
        let from = address(request);
        if is_stranger(api, from) || !api.calls.allow(CallerKey::Launcher(key), api.backend.now()) {
            return Err(PlaywaveError::RateLimited);
        }
        Ok(Self { key, api: api.clone(), from })
    }

    /// The answer to a launcher that is not heard. One that is nobody's is counted.
    pub(super) fn refused(&self, refusal: LauncherRefusal) -> PlaywaveError {
        if refusal == LauncherRefusal::WrongToken {
            count_stranger(&self.api, self.from);
        }
        refusal.into()
    }
}

/// Where a request comes from.
fn address(request: &HttpRequest) -> Option<IpAddr> {
    let proxies = &api(request).settings.listen.trusted_proxies;
    request.peer_addr().map(|peer| client_ip(peer.ip(), request.headers(), proxies))
}

/// Whether too many calls from there have proved nobody.
fn is_stranger(api: &Api, from: Option<IpAddr>) -> bool {
    from.is_some_and(|from| api.strangers.is_exhausted(&counted_as(from), api.backend.now()))
}

fn count_stranger(api: &Api, from: Option<IpAddr>) {
    if let Some(from) = from {
        api.strangers.allow(counted_as(from), api.backend.now());
    }
}

/// The store knows a session token by its digest only.
pub(super) fn launcher_key(session_token: &[u8]) -> LauncherKey {
    LauncherKey(KeyDigest::of(session_token).into_bytes())
}

/// The cafe whose secret signed the body, within its rate and from one of its networks. An unknown cafe is told
/// nothing but that the signature does not fit.
pub(super) async fn cafe(request: &HttpRequest, body: &[u8]) -> Result<CafeId, PlaywaveError> {
    let (api, from) = (api(request), address(request));
    if is_stranger(api, from) {
        return Err(PlaywaveError::RateLimited);
    }
    let named = text(request, "X-Cafe-Id").and_then(CafeId::parse);
    let terms = match &named {
        Some(cafe) => terms(api, cafe).await?,
        None => None,
    };
    let secret = terms.as_ref().map_or(&api.nobodys_secret, |terms| &terms.secret);
    let is_signed = is_signed(api, request, secret, body);
    let (Some(cafe), Some(terms), true) = (named, terms, is_signed) else {
        count_stranger(api, from);
        return Err(PlaywaveError::InvalidSignature);
    };
    if !api.calls.allow(CallerKey::Cafe(cafe.clone()), api.backend.now()) {
        return Err(PlaywaveError::RateLimited);
    }
    let is_there = from.is_some_and(|from| terms.networks.iter().any(|network| network.contains(&from)));
    if is_there { Ok(cafe) } else { Err(PlaywaveError::NotPcCafe) }
}

/// A configured cafe's, or those an operator has registered.
async fn terms(api: &Data<Api>, cafe: &CafeId) -> Result<Option<CafeTerms>, PlaywaveError> {
    if let Some(cafe) = api.settings.cafes.iter().find(|known| known.id == *cafe) {
        return Ok(Some(CafeTerms { secret: cafe.secret.clone(), networks: cafe.networks.clone() }));
    }
    let registration = api.backend.registration(cafe).await?;
    Ok(registration.map(|registration| CafeTerms {
        networks: registration.networks.iter().filter_map(|network| config::parse_network(network)).collect(),
        secret: Secret::new(registration.secret),
    }))
}

/// Lower-case hex of HMAC-SHA256 over `<timestamp>.<body>`, the timestamp within the setting's reach of now.
fn is_signed(api: &Api, request: &HttpRequest, secret: &Secret, body: &[u8]) -> bool {
    let (timestamp, signature) = (text(request, "X-Timestamp"), text(request, "X-Signature"));
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return false };
    let Some(at_sec) = timestamp.parse::<i64>().ok().filter(|_| timestamp.bytes().all(|byte| byte.is_ascii_digit()))
    else {
        return false;
    };
    let now_sec = api.backend.now().0 / 1000;
    let is_fresh = now_sec.abs_diff(at_sec) <= api.settings.playwave.signature.as_secs();
    is_fresh && secret.has_signed(&[timestamp.as_bytes(), b".", body], signature)
}

fn text<'a>(request: &'a HttpRequest, header: &str) -> Option<&'a str> {
    request.headers().get(header)?.to_str().ok()
}
