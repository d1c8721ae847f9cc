use actix_web::{HttpResponse, http::header, web::Data};

use crate::service::Service;

/// The trust anchor: the owner's and the platform's public keys, the functionaries, the layout in force.
///
/// For information. Verifiers pin the keys that they got from the owner by another way than this.
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
