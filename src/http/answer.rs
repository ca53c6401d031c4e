//! The envelope of every answer: `{"code":0,"message":"Success.","data":{}}` ("Hive Chat HTTP API, envelope").

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError};
use serde_json::{Value, json};

use crate::error::ApiError;

/// Success with this `data`.
pub(super) struct Success(pub(super) Value);

/// What a handler gives.
pub(super) type Answer = Result<Success, ApiError>;

impl Success {
    pub(super) fn empty() -> Self {
        Self(json!({}))
    }
}

impl Responder for Success {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let text = format!(r#"{{"code":0,"message":"Success.","data":{}}}"#, self.0);
        HttpResponse::Ok().content_type("application/json").body(text)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.body())
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status()).expect("the table holds HTTP statuses")
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_sec() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response.content_type("application/json").body(self.body())
    }
}

impl Responder for ApiError {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}
