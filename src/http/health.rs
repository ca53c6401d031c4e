//! `/livez` and `/readyz`, open to everybody who reaches the admin listener.

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use serde_json::json;

use super::{Api, at};

pub(super) fn routes(config: &mut ServiceConfig) {
    config.service(at("/livez").route(web::get().to(live))).service(at("/readyz").route(web::get().to(ready)));
}

/// The process answers.
async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "live" }))
}

/// The node takes traffic: the store works and no drain has begun.
async fn ready(api: Data<Api>) -> HttpResponse {
    match api.health.check().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ready" })),
        Err(reason) => HttpResponse::ServiceUnavailable().json(json!({ "status": "not ready", "reason": reason })),
    }
}
