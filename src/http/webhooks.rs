//! Where platforms push what has changed. Each platform's paths and answers, nothing else.

mod aghanim;
mod hive_suspension;

use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Responder};

use crate::webhooks::carry::Answer;

pub(super) fn routes(config: &mut ServiceConfig) {
    let hive_method = || async { Answer::result(405, 4050) };
    let aghanim_method = || async { Answer::error(405, "method_not_allowed", "POST only") };
    config.service(
        web::scope("/webhooks")
            .service(
                web::resource("/aghanim")
                    .route(web::post().to(aghanim::receive))
                    .default_service(web::to(aghanim_method)),
            )
            .service(
                web::resource("/hive/suspensions")
                    .route(web::post().to(hive_suspension::receive))
                    .default_service(web::to(hive_method)),
            )
            .default_service(web::to(not_found)),
    );
}

async fn not_found() -> Answer {
    Answer::error(404, "not_found", "there is no webhook at this path")
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, 1));
        }
        response.content_type("application/json").body(self.body.to_string())
    }
}
