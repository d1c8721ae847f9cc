use actix_web::{HttpResponse, http::header, web::Data};

use crate::service::Service;

/// The trust anchor, signed by the owner: public keys of owner, platform and functionaries with their windows, keys
/// that were replaced or revoked, the layout in force.
///
/// Verifiers pin the owner's key that they got by another way than this; who has it can take newer versions from here.
#[utoipa::path(
    get, path = "/trust", tag = "verification",
    responses((status = 200, description = "trust.json", body = Object))
)]
pub(crate) async fn trust(service: Data<Service>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(service.trust_json.clone())
}
