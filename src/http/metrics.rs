//! `/metrics`, open to everybody who reaches the admin listener.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::{self, Data, ServiceConfig};
use tracing::error;

use super::{Api, at};
use crate::error::ApiError;
use crate::metrics::{CONTENT_TYPE, Exposition, server_meters};

/// How long a scrape waits to hear whether the store works: what was counted must be told above all when it does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Beside the other routes of the admin listener.
pub fn metrics(exposition: Data<Exposition>) -> impl Fn(&mut ServiceConfig) {
    move |config| {
        config.app_data(exposition.clone()).service(at("/metrics").route(web::get().to(scrape)));
    }
}

async fn scrape(api: Data<Api>, exposition: Data<Exposition>) -> Result<HttpResponse, ApiError> {
    let ready = tokio::time::timeout(PATIENCE, api.health.check()).await;
    server_meters().ready.set(if matches!(ready, Ok(Ok(()))) { 1 } else { 0 });
    // Beside the workers: it takes a millisecond, and a file is read.
    let rendered = web::block(move || exposition.render()).await;
    let text = rendered.map_err(|error| {
        error!(%error, "metrics not rendered");
        ApiError::Internal
    })?;
    Ok(HttpResponse::Ok().content_type(CONTENT_TYPE).body(text))
}
