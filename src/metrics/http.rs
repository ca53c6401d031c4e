//! Every HTTP request, by what it is for and how it went.

use std::sync::OnceLock;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse};
use guildhall_actors::metrics::Label;
use metrics::{Histogram, histogram};

use super::labels::{RouteGroup, StatusClass};
use super::names;

const GROUPS: usize = RouteGroup::VALUES.len();
const CLASSES: usize = StatusClass::VALUES.len();

/// Made when the first of their kind comes: most of these pairs never do, and each is a dozen lines in every scrape.
static REQUESTS: [[OnceLock<Histogram>; CLASSES]; GROUPS] = [const { [const { OnceLock::new() }; CLASSES] }; GROUPS];

/// For `App::wrap_fn`.
pub fn measure<S, B>(
    request: ServiceRequest,
    service: &S,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let (group, started) = (RouteGroup::of(request.path()), Instant::now());
    let answer = service.call(request);
    async move {
        let answer = answer.await;
        let status = match &answer {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        requests(group, StatusClass::from(status.as_u16())).record(started.elapsed());
        answer
    }
}

fn requests(group: RouteGroup, class: StatusClass) -> &'static Histogram {
    let (group_place, class_place) = (group.place(), class.place());
    REQUESTS[group_place][class_place].get_or_init(|| {
        let labels = [
            (RouteGroup::NAME, RouteGroup::VALUES[group_place]),
            (StatusClass::NAME, StatusClass::VALUES[class_place]),
        ];
        histogram!(names::HTTP_REQUEST, &labels)
    })
}
