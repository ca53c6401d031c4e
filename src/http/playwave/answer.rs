//! The envelopes: `{"success":true,"request_id":"req_…","data":{}}` and
//! `{"success":false,"error":{"code":"…","message":"…","timestamp":"…"}}` ("PlayWave API, envelope").
//!
//! Every answer has an id of its own in `X-Request-Id`; the body of an error has none, as documented.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError};
use serde::Serialize;
use serde_json::json;

use crate::clock;
use crate::error::PlaywaveError;

/// Success with this `data`.
pub(super) struct Success<T>(pub(super) T);

/// What a handler gives.
pub(super) type Answer<T> = Result<Success<T>, PlaywaveError>;

#[derive(Serialize)]
struct Envelope<'a, T> {
    success: bool,
    request_id: &'a str,
    data: T,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `req_` and 96 random bits in hex.
fn request_id() -> String {
    format!("req_{:024x}", rand::random::<u128>() >> 32)
}

fn with_id(mut response: HttpResponseBuilder, id: &str, body: String) -> HttpResponse {
    response.insert_header((REQUEST_ID, id)).content_type("application/json").body(body)
}

impl<T: Serialize> Responder for Success<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let id = request_id();
        let envelope = Envelope { success: true, request_id: &id, data: self.0 };
        let body = serde_json::to_string(&envelope).expect("answers are plain data");
        with_id(HttpResponse::Ok(), &id, body)
    }
}

impl fmt::Display for PlaywaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().1)
    }
}

impl ResponseError for PlaywaveError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.row().0).expect("the table holds HTTP statuses")
    }

    fn error_response(&self) -> HttpResponse {
        let (_, code, message) = self.row();
        let error = json!({ "code": code, "message": message, "timestamp": clock::now().to_iso() });
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_sec() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        with_id(response, &request_id(), json!({ "success": false, "error": error }).to_string())
    }
}

impl Responder for PlaywaveError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
