use std::sync::{Arc, LazyLock};

use actix_web::{HttpResponse, http::header, web::Path};
use bytes::Bytes;
use utoipa::{
    Modify, OpenApi,
    openapi::{ContentBuilder, Ref, RefOr, Response},
};
use utoipa_swagger_ui::Config;

use super::{
    artifacts, download, events, health, jobs, metrics, queue, reproduce, status, submit, trust,
    verify, workers,
};
use crate::problem::{PROBLEM_JSON, Problem, ProblemDocument};

/// The page may load what this service gives, and nothing from anywhere else. The user interface's own styles are
/// partly written into elements, which is what `unsafe-inline` is for; scripts are not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The files of the user interface that the page needs; the others are not served.
const FILES: [&str; 8] = [
    "index.html",
    "index.css",
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-initializer.js",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Assay",
        description = "Trains models in a sealed room, signs what happened, verifies it."
    ),
    paths(
        submit::submit,
        status::job_status,
        artifacts::list,
        artifacts::link,
        download::download,
        jobs::list,
        jobs::job,
        jobs::cancel,
        reproduce::reproduce,
        events::events,
        verify::link,
        verify::file_hash,
        verify::artifacts,
        verify::bom,
        workers::list,
        workers::drain,
        workers::undrain,
        queue::show,
        queue::dead,
        queue::redrive,
        trust::trust,
        health::health,
        metrics::metrics,
        openapi,
        page,
    ),
    components(schemas(ProblemDocument<'_>)),
    modifiers(&Problems)
)]
struct Api;

/// Gives every answer of 400 and above the problem's schema, and every route the answer of a service that failed.
struct Problems;

impl Modify for Problems {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let problem = || {
            ContentBuilder::new()
                .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
                .build()
        };
        let items = api.paths.paths.values_mut();
        let operations = items.flat_map(|item| {
            [&mut item.get, &mut item.post, &mut item.delete]
                .into_iter()
                .flatten()
        });
        for operation in operations {
            let answers = &mut operation.responses.responses;
            answers.insert(
                "default".to_owned(),
                Response::new("The request cannot be answered, or the service failed").into(),
            );
            for (status, answer) in answers {
                let is_problem = status.starts_with(['4', '5']) || status == "default";
                if let RefOr::T(answer) = answer
                    && is_problem
                    && answer.content.is_empty()
                {
                    answer.content.insert(PROBLEM_JSON.to_owned(), problem());
                }
            }
        }
    }
}

/// The description, written out once.
static DESCRIPTION: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    let text = Api::openapi()
        .to_json()
        .map_err(|error| error.to_string())?;
    Ok(text.into())
});

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // Otherwise the page asks an outside service what it thinks of the description.
    Arc::new(Config::from("/openapi.json").validator_url("none"))
});

/// This description (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "The OpenAPI document", body = Object))
)]
pub(crate) async fn openapi() -> Result<HttpResponse, Problem> {
    let text = DESCRIPTION
        .as_ref()
        .map_err(|error| Problem::internal("service.openapi", error))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(text.clone()))
}

/// To the page itself, whose files lie beside it.
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((header::LOCATION, "/docs/"))
        .finish()
}

/// The page that shows this description.
#[utoipa::path(
    get, path = "/docs/", tag = "service",
    responses((status = 200, description = "The page", content_type = "text/html", body = String))
)]
pub(crate) async fn page(path: Path<String>) -> Result<HttpResponse, Problem> {
    let name = match path.as_str() {
        "" => "index.html",
        name => name,
    };
    let missing = || Problem::not_found("route.not_found", "the documentation has no such file");
    if !FILES.contains(&name) {
        return Err(missing());
    }
    let file = utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG))
        .map_err(|error| Problem::internal("service.docs", error))?
        .ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_TYPE, file.content_type))
        .body(file.bytes.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_route_and_its_errors_are_described() {
        let text = DESCRIPTION.as_ref().unwrap();
        let api: Value = serde_json::from_slice(text).unwrap();
        assert_eq!(api["openapi"], "3.1.0");
        let paths = api["paths"].as_object().unwrap();
        for (path, method) in [
            ("/submit_job_by_model_and_data", "post"),
            ("/job_status/{job_id}", "get"),
            ("/job_artifacts/{job_id}", "get"),
            ("/job_artifacts/{job_id}/{artifact_name}", "get"),
            ("/download/{digest}", "get"),
            ("/jobs", "get"),
            ("/jobs/{job_id}", "get"),
            ("/jobs/{job_id}", "delete"),
            ("/jobs/{job_id}/reproduce", "post"),
            ("/jobs/{job_id}/events", "get"),
            ("/verify_in-toto_link", "post"),
            ("/verify_file_hash", "post"),
            ("/verify_minio_artifacts", "post"),
            ("/verify_bom_and_link", "post"),
            ("/workers", "get"),
            ("/workers/{name}/drain", "post"),
            ("/workers/{name}/undrain", "post"),
            ("/queue", "get"),
            ("/queue/dead", "get"),
            ("/queue/redrive", "post"),
            ("/trust", "get"),
            ("/health", "get"),
            ("/metrics", "get"),
            ("/openapi.json", "get"),
        ] {
            let answers = paths[path][method]["responses"].as_object();
            let answers = answers.unwrap_or_else(|| panic!("{method} {path}"));
            let problem = &answers["default"]["content"][PROBLEM_JSON]["schema"]["$ref"];
            assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
        }
        assert!(api["components"]["schemas"]["Problem"].is_object());
    }

    #[actix_web::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        for name in FILES {
            assert!(page(name.to_owned().into()).await.is_ok(), "{name}");
        }
        for name in ["swagger-ui.js.map", "oauth2-redirect.html", "../lib.rs"] {
            assert!(page(name.to_owned().into()).await.is_err(), "{name}");
        }
        let page = utoipa_swagger_ui::serve("index.html", Arc::clone(&CONFIG))
            .unwrap()
            .unwrap();
        let page = String::from_utf8(page.bytes.into_owned()).unwrap();
        assert!(!page.contains("//") && !page.contains("<style"), "{page}");
        let start = utoipa_swagger_ui::serve("swagger-initializer.js", Arc::clone(&CONFIG));
        let start = String::from_utf8(start.unwrap().unwrap().bytes.into_owned()).unwrap();
        assert!(start.contains("\"/openapi.json\""), "{start}");
        assert!(
            start.contains("\"validatorUrl\": \"none\"") && !start.contains("http"),
            "{start}"
        );
    }
}
