//! Request bodies and queries: bounded, JSON, and told what is wrong with them.

use actix_web::http::header;
use actix_web::web::{Payload, Query};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use super::caller::api;
use crate::error::{ApiError, PlaywaveError};

/// Bytes over the limit that are read for the sake of the answer.
const MAX_DROPPED_BYTES: usize = 16 * 1024 * 1024;

/// What is wrong with a body; each contract says it in its own shape.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    Wrong(String),
}

/// A raw body within `limits.body_bytes`.
pub(super) struct Body(pub(super) Bytes);

/// A JSON object within `limits.body_bytes`.
pub(super) struct Json<T>(pub(super) T);

/// As [`Json`]; no body reads as an empty object.
pub(super) struct OptionalJson<T>(pub(super) T);

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::BodyTooLarge,
            BodyError::Wrong(detail) => Self::BadRequest(detail),
        }
    }
}

impl From<BodyError> for PlaywaveError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::BodyTooLarge,
            BodyError::Wrong(detail) => Self::BadRequest(detail),
        }
    }
}

impl Body {
    pub(super) fn read(
        request: &HttpRequest,
        payload: &mut dev::Payload,
    ) -> impl Future<Output = Result<Self, BodyError>> + use<> {
        Self::read_within(request, payload, api(request).settings.limits.body_bytes)
    }

    pub(super) fn read_within(
        request: &HttpRequest,
        payload: &mut dev::Payload,
        limit: usize,
    ) -> impl Future<Output = Result<Self, BodyError>> + use<> {
        let payload = Payload::from_request(request, payload);
        async move {
            let payload = payload.await.map_err(|_| unreadable())?;
            read(payload, limit).await.map(Self)
        }
    }
}

impl FromRequest for Body {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let body = Self::read(request, payload);
        Box::pin(async move { Ok(body.await?) })
    }
}

/// Reads a body within `limit`. One that is larger is read on and dropped, within reason: a caller that is still
/// sending would never see the answer.
async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, BodyError> {
    let mut next = async || payload.next().await.transpose().map_err(|_| unreadable());
    // Most bodies come in one piece and are not copied.
    let Some(first) = next().await? else { return Ok(Bytes::new()) };
    let Some(mut chunk) = next().await? else {
        return if first.len() > limit { Err(BodyError::TooLarge) } else { Ok(first) };
    };
    let (mut body, mut count) = (BytesMut::from(&first[..]), first.len());
    loop {
        count += chunk.len();
        if count <= limit {
            body.extend_from_slice(&chunk);
        } else if count > limit.saturating_add(MAX_DROPPED_BYTES) {
            return Err(BodyError::TooLarge);
        }
        match next().await? {
            Some(another) => chunk = another,
            None if count > limit => return Err(BodyError::TooLarge),
            None => return Ok(body.freeze()),
        }
    }
}

fn unreadable() -> BodyError {
    BodyError::Wrong("body: unreadable".into())
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let is_json = is_json(request);
        let body = Body::from_request(request, payload);
        Box::pin(async move { Ok(Self(parse(&body.await?.0, is_json)?)) })
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
            let (body, is_json) = if body.is_empty() { (&b"{}"[..], true) } else { (&body[..], is_json) };
            Ok(Self(parse(body, is_json)?))
        })
    }
}

pub(super) fn is_json(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("application/json")
}

/// # Errors
/// Not declared as JSON, not JSON, no object, or not what `T` needs.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8], is_json: bool) -> Result<T, BodyError> {
    if !is_json {
        return Err(BodyError::Wrong(format!("{}: application/json", header::CONTENT_TYPE)));
    }
    // A struct would also read from an array.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(BodyError::Wrong("body: a JSON object".into()));
    }
    serde_json::from_slice(body).map_err(|error| BodyError::Wrong(format!("body: {error}")))
}

/// # Errors
/// A parameter of the wrong type.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    let query = Query::<T>::from_query(request.query_string());
    query.map(Query::into_inner).map_err(|error| ApiError::bad_request(format!("query: {error}")))
}
