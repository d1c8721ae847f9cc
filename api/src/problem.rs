use std::{borrow::Cow, error::Error, fmt};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError,
    body::BoxBody,
    http::{StatusCode, header},
};
use assay_platform::{db::DbError, keys::KeyError, store::StoreError};
use assay_protocol::Fault;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The media type of a problem (RFC 9457 §3).
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not answered as it wished, as RFC 9457 has it.
///
/// What the client is told and what only the log is told are kept apart: the cause goes to the log, under the same
/// `instance` that the client sees.
#[derive(Debug)]
pub(crate) struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    code: Cow<'static, str>,
    field: Option<Cow<'static, str>>,
    detail: String,
    retry_after_seconds: Option<u32>,
    allow: Option<&'static str>,
    cause: Option<String>,
}

/// The document that the client gets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, description = "RFC 9457 problem")]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`: `code` tells problems apart.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and what would be right.
    detail: &'a str,
    /// Stable and dotted, for machines: `upload.file_name`.
    code: &'a str,
    /// The form field or parameter at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Names this one occurrence, also in the service's log.
    instance: &'a str,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            field: None,
            detail: detail.into(),
            retry_after_seconds: None,
            allow: None,
            cause: None,
        }))
    }

    /// Something that the client can mend in what it sent.
    pub(crate) fn unprocessable(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// A request that is not well formed.
    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// More bytes than are accepted.
    pub(crate) fn too_large(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, detail)
    }

    /// There is nothing of that name.
    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// No job has this id, be it malformed or merely unknown.
    pub(crate) fn no_job(id: &str) -> Self {
        let shown: String = id.chars().take(60).collect();
        Self::not_found("job.not_found", format!("there is no job {shown:?}"))
    }

    /// A fault of the service. The client gets no particulars; the log does.
    pub(crate) fn internal(code: &'static str, cause: impl fmt::Display) -> Self {
        let detail = "the service failed; its log has the reason under this instance";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, detail).because(cause)
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        &self.0.code
    }

    /// Names the form field or parameter at fault.
    pub(crate) fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Adds what only the log is to say.
    pub(crate) fn because(mut self, cause: impl fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    /// Tells the client when to try again (RFC 9110 §10.2.3).
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// Tells the client which methods there are (RFC 9110 §10.2.1).
    pub(crate) fn allow(mut self, methods: &'static str) -> Self {
        self.0.allow = Some(methods);
        self
    }

    fn log(&self, instance: &str) {
        let Parts { code, detail, .. } = &*self.0;
        match (&self.0.cause, self.0.status.is_server_error()) {
            (Some(cause), _) => tracing::error!(instance, %code, cause, "{detail}"),
            (None, true) => tracing::error!(instance, %code, "{detail}"),
            (None, false) => tracing::debug!(instance, %code, "{detail}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.detail)
    }
}

impl Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.status
    }

    fn error_response(&self) -> HttpResponse {
        let instance = Uuid::now_v7().urn().to_string();
        self.log(&instance);
        let document = ProblemDocument {
            r#type: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or_default(),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            code: &self.0.code,
            field: self.0.field.as_deref(),
            instance: &instance,
        };
        let mut response = HttpResponseBuilder::new(self.0.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if let Some(seconds) = self.0.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(methods) = self.0.allow {
            response.insert_header((header::ALLOW, methods));
        }
        // After `json`, which would set a type of its own only where there is none.
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON));
        response.json(document)
    }
}

impl Responder for Problem {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.error_response()
    }
}

impl From<Fault> for Problem {
    /// A fault of the form, or one that the trainer reported; what it read was hostile, so it is cleaned here.
    fn from(fault: Fault) -> Self {
        match fault.sanitized() {
            Some(fault) if fault.is_users() => {
                let problem =
                    Self::new(StatusCode::UNPROCESSABLE_ENTITY, fault.code, fault.message);
                match fault.field {
                    Some(field) => problem.field(field),
                    None => problem,
                }
            }
            Some(fault) => Self::internal(
                "service.trainer",
                format_args!("{}: {}", fault.code, fault.message),
            ),
            None => Self::internal(
                "service.trainer",
                "the trainer reported a fault whose code is not a dotted lower-case word",
            ),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        if error.is_passing() {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service.database_away",
                "the database cannot be used at the moment; try again",
            )
            .retry_after(5)
            .because(error);
        }
        Self::internal("service.database", error)
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        if error.is_passing() {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service.keys_away",
                "what signs for this service cannot be reached at the moment; try again",
            )
            .retry_after(5)
            .because(error);
        }
        Self::internal("service.ingest_link", error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Io(cause) if cause.kind() == std::io::ErrorKind::StorageFull => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "service.store_full",
                "the store has no room left",
            )
            .because(error),
            _ if error.is_passing() => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "service.store_away",
                "the store cannot be reached at the moment; try again",
            )
            .retry_after(5)
            .because(error),
            _ => Self::internal("service.store", error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;

    #[test]
    fn only_a_users_fault_is_told_to_the_user() {
        let users = Problem::from(Fault::model("model.x", "a\nb"));
        assert_eq!(users.status_code(), 422);
        assert_eq!(users.0.field.as_deref(), Some("model"));
        assert_eq!(users.to_string(), "a b");
        let diverged = Problem::from(Fault::without_field("training.diverged", "x"));
        assert_eq!(diverged.status_code(), 422);
        for ours in [
            Fault::without_field("trainer.io", "secret"),
            Fault::of("no such field", "dataset.x", "secret"),
            Fault::of("model", "<b>", "secret"),
        ] {
            let problem = Problem::from(ours);
            assert_eq!(problem.status_code(), 500);
            assert!(!problem.to_string().contains("secret"));
        }
    }

    #[actix_web::test]
    async fn a_problem_is_a_document_with_every_member() {
        let problem = Problem::unprocessable("upload.file_name", "no such name")
            .field("model")
            .because("secret")
            .retry_after(7);
        let response = problem.error_response();
        assert_eq!(response.status(), 422);
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-type"), PROBLEM_JSON);
        assert_eq!(header("retry-after"), "7");
        let body = to_bytes(response.into_body()).await.unwrap();
        let mut document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let instance = document
            .as_object_mut()
            .unwrap()
            .remove("instance")
            .unwrap();
        assert!(instance.as_str().unwrap().starts_with("urn:uuid:"));
        assert_eq!(
            document,
            serde_json::json!({
                "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
                "detail": "no such name", "code": "upload.file_name", "field": "model"
            })
        );
    }
}
