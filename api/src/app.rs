use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::DefaultHeaders,
    web,
};

use assay_platform::telemetry::metrics::HTTP_REQUESTS;
use tracing::Instrument as _;

use crate::{origin, probe::Probe, problem::Problem, routes, service::Service, trace};

/// The routes over a service, with problems for everything that no route answers.
pub(crate) fn configure(
    service: web::Data<Service>,
    probe: web::Data<Probe>,
) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(service)
            .app_data(probe)
            .configure(routes::configure)
            .default_service(web::to(no_such_route));
    }
}

/// Health and metrics alone, for a service that is no API.
pub(crate) fn configure_status(
    probe: web::Data<Probe>,
) -> impl FnOnce(&mut web::ServiceConfig) + Clone {
    move |config| {
        config
            .app_data(probe)
            .configure(routes::configure_status)
            .default_service(web::to(no_such_route));
    }
}

/// What every answer carries.
pub(crate) fn headers() -> DefaultHeaders {
    DefaultHeaders::new().add((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
}

/// Refuses what comes from other origins, counts answers by the class of their status, and gives each a span.
pub(crate) fn guard<S, B>(
    request: ServiceRequest,
    next: &S,
) -> impl Future<Output = Result<ServiceResponse<B>, Error>> + use<S, B>
where
    S: actix_web::dev::Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let span = trace::span(&request);
    let hosts = request
        .app_data::<web::Data<Probe>>()
        .map_or(&[][..], |probe| &probe.platform.config.hosts);
    let answer = match origin::check(&request, hosts) {
        Ok(()) => Ok(span.in_scope(|| next.call(request))),
        Err(problem) => Err(problem.into()),
    };
    async move {
        let answer = match answer {
            Ok(answer) => answer.instrument(span.clone()).await,
            Err(refused) => Err(refused),
        };
        let status = match &answer {
            Ok(answer) => answer.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        trace::ended(
            &span,
            answer.as_ref().ok().map(ServiceResponse::request),
            status,
        );
        metrics::counter!(HTTP_REQUESTS, "status" => class(status)).increment(1);
        answer
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

async fn no_such_route(request: HttpRequest) -> Problem {
    let path: String = request.path().chars().take(200).collect();
    Problem::not_found(
        "route.not_found",
        format!("there is nothing at {path:?}; /docs lists what there is"),
    )
}
