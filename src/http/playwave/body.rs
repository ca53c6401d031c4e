//! Request bodies: JSON objects whose texts are what they stand for.

use actix_web::{FromRequest, HttpRequest, dev};
use futures_util::future::LocalBoxFuture;
use guildhall_actors::ids::{PlayerId, Prefix, PrefixedUuid};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};

use super::super::body::{Body, is_json, parse};
use crate::error::PlaywaveError;

/// A JSON object within `limits.body_bytes`.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = PlaywaveError;
    type Future = LocalBoxFuture<'static, Result<Self, PlaywaveError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = Body::read(request, payload);
        Box::pin(async move { Ok(Self(parse(&body.await?.0, is_json)?)) })
    }
}

/// A Roblox user id as a string of decimal digits; a number is refused ("PlayWave API, ambiguities", 10).
pub(super) fn user_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PlayerId, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    let digits = (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text.parse().ok().filter(|_| digits);
    id.map(PlayerId).ok_or_else(|| Error::custom("provider_user_id: a string of decimal digits"))
}

/// An id that is a UUID behind the prefix of its kind.
pub(super) fn id<'de, D: Deserializer<'de>, K: Prefix>(deserializer: D) -> Result<PrefixedUuid<K>, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    PrefixedUuid::parse(&text).ok_or_else(|| Error::custom(format_args!("an id: {}<uuid>", K::PREFIX)))
}
