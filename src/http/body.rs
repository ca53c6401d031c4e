//! Request bodies and queries: bounded, JSON, and told what is wrong with them.

use actix_web::http::header;
use actix_web::web::{Payload, Query};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::caller::api;
use crate::error::ApiError;

/// Bytes over the limit that are read for the sake of the answer.
const MAX_DROPPED_BYTES: usize = 16 * 1024 * 1024;

/// A raw body within `limits.body_bytes`.
pub(super) struct Body(pub(super) Bytes);

/// A JSON object within `limits.body_bytes`.
pub(super) struct Json<T>(pub(super) T);

/// As [`Json`]; no body reads as an empty object.
pub(super) struct OptionalJson<T>(pub(super) T);

impl FromRequest for Body {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let limit = api(request).settings.limits.body_bytes;
        let payload = Payload::from_request(request, payload);
        Box::pin(async move {
            let payload = payload.await.map_err(|_| unreadable())?;
            read(payload, limit).await.map(Self)
        })
    }
}

/// Reads a body within `limit`. One that is larger is read on and dropped, within reason: a caller that is still
/// sending would never see the answer.
async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, ApiError> {
    let (mut body, mut count) = (BytesMut::new(), 0);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| unreadable())?;
        count += chunk.len();
        if count <= limit {
            body.extend_from_slice(&chunk);
        } else if count > limit.saturating_add(MAX_DROPPED_BYTES) {
            break;
        }
    }
    if count > limit { Err(ApiError::BodyTooLarge) } else { Ok(body.freeze()) }
}

fn unreadable() -> ApiError {
    ApiError::bad_request("body: unreadable")
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = Body::from_request(request, payload);
        Box::pin(async move { parse(&body.await?.0, is_json).map(Self) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for OptionalJson<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = Body::from_request(request, payload);
        Box::pin(async move {
            let body = body.await?.0;
            if body.is_empty() { parse(b"{}", true).map(Self) } else { parse(&body, is_json).map(Self) }
        })
    }
}

pub(super) fn is_json(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("application/json")
}

/// # Errors
/// Not declared as JSON, not JSON, no object, or not what `T` needs.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], is_json: bool) -> Result<T, ApiError> {
    if !is_json {
        return Err(ApiError::bad_request(format!("{}: application/json", header::CONTENT_TYPE)));
    }
    // A struct would also read from an array.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::bad_request("body: a JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(format!("body: {error}")))
}

/// # Errors
/// A parameter of the wrong type.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    let query = Query::<T>::from_query(request.query_string());
    query.map(Query::into_inner).map_err(|error| ApiError::bad_request(format!("query: {error}")))
}
