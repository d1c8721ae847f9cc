use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Path},
};
use assay_platform::{
    ids::JobId,
    job::{Artifact, Role},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{fresh, job_id, query};
use crate::{own_address::address_of, problem::Problem, service::Service};

/// The artifacts of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobArtifacts {
    /// The job's id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// Their paths, as the links name them.
    artifacts: Vec<String>,
}

/// Where an artifact can be fetched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArtifactLink {
    /// The artifact's name.
    artifact_name: String,
    /// A link that gives its bytes for one hour.
    url: String,
}

/// The paths of a job's artifacts: its inputs, and once it is completed its outputs and proof.
#[utoipa::path(
    get, path = "/job_artifacts/{job_id}", tag = "artifacts",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The paths", body = JobArtifacts),
        (status = 404, description = "There is no such job"),
    )
)]
pub(crate) async fn list(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = job_id(&path)?;
    let artifacts = of_job(&service, id, &path).await?;
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(JobArtifacts {
            job_id: id,
            artifacts: artifacts.into_iter().map(|one| one.path).collect(),
        }))
}

/// A link to one artifact, by its name or by its path within the job's folder.
#[utoipa::path(
    get, path = "/job_artifacts/{job_id}/{artifact_name}", tag = "artifacts",
    params(
        ("job_id" = String, Path, description = "The job's id"),
        ("artifact_name" = String, Path, description = "As `metrics.json` or `outputs/metrics.json`"),
        ("redirect" = Option<bool>, Query, description = "Answer with a redirection to the bytes"),
    ),
    responses(
        (status = 200, description = "The link", body = ArtifactLink),
        (status = 307, description = "Redirection to the bytes (`redirect=true`)"),
        (status = 400, description = "The query is not understood"),
        (status = 404, description = "There is no such job or artifact"),
        (status = 409, description = "Several artifacts have this name; give the path"),
    )
)]
pub(crate) async fn link(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (job, name) = path.into_inner();
    let id = job_id(&job)?;
    let redirect = wants_redirect(&request)?;
    let artifacts = of_job(&service, id, &job).await?;
    let artifact = find(&artifacts, &name)?;
    let ttl = service.platform.config.download_ttl;
    let store = &service.platform.store;
    let url = store
        .signed_url(artifact.digest, artifact.name(), ttl)
        .await?;
    if redirect {
        return Ok(HttpResponse::TemporaryRedirect()
            .insert_header(fresh())
            .insert_header((header::LOCATION, url))
            .finish());
    }
    let url = if url.starts_with('/') {
        address_of(&request, &url)
    } else {
        url
    };
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(ArtifactLink {
            artifact_name: artifact.name().to_owned(),
            url,
        }))
}

async fn of_job(service: &Service, id: JobId, text: &str) -> Result<Vec<Artifact>, Problem> {
    let artifacts = service.platform.db.artifacts(id).await?;
    // A job has inputs from its first moment on, unless it reproduces another one.
    if artifacts.is_empty() && service.platform.db.job(id).await?.is_none() {
        return Err(Problem::no_job(text));
    }
    Ok(artifacts)
}

fn wants_redirect(request: &HttpRequest) -> Result<bool, Problem> {
    let pairs = query(request, &["redirect"], &[])?;
    match pairs.first().map(|(_, value)| value.as_str()) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => {
            let detail = "redirect must be true or false";
            Err(Problem::bad_request("query.redirect", detail).field("redirect"))
        }
    }
}

/// The artifact of a path, or else of a name. What the training wrote goes before an input of the same name.
fn find<'a>(artifacts: &'a [Artifact], wanted: &str) -> Result<&'a Artifact, Problem> {
    let below = |artifact: &Artifact| {
        artifact
            .path
            .split_once('/')
            .is_some_and(|(_, rest)| rest == wanted)
    };
    if let Some(exact) = artifacts
        .iter()
        .find(|one| one.path == wanted || below(one))
    {
        return Ok(exact);
    }
    let is_input = |one: &&Artifact| {
        matches!(
            one.role,
            Role::Model | Role::Dataset | Role::DatasetDefinition | Role::Parameters | Role::Sbom
        )
    };
    let named: Vec<&Artifact> = artifacts
        .iter()
        .filter(|one| one.name() == wanted)
        .collect();
    let written: Vec<&Artifact> = named.iter().copied().filter(|one| !is_input(one)).collect();
    match (written.as_slice(), named.as_slice()) {
        ([one], _) | ([], [one]) => Ok(one),
        (_, []) => {
            let wanted: String = wanted.chars().take(200).collect();
            let detail = format!("the job has no artifact {wanted:?}");
            Err(Problem::not_found("artifact.not_found", detail))
        }
        _ => {
            let paths: Vec<&str> = named.iter().map(|one| one.path.as_str()).collect();
            let detail = format!(
                "several artifacts have this name; ask for one of {}",
                paths.join(", ")
            );
            Err(Problem::new(
                actix_web::http::StatusCode::CONFLICT,
                "artifact.ambiguous",
                detail,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_attest::Digest;

    fn artifact(path: &str, role: Role) -> Artifact {
        Artifact {
            path: path.to_owned(),
            role,
            digest: Digest::of(path.as_bytes()),
            bytes: 1,
        }
    }

    #[test]
    fn names_and_paths_find_one_artifact() {
        let artifacts = [
            artifact("d/inputs/model/same", Role::Model),
            artifact("d/inputs/dataset/same", Role::Dataset),
            artifact(
                "d/inputs/dataset_definition/metrics.json",
                Role::DatasetDefinition,
            ),
            artifact("d/outputs/metrics.json", Role::Output),
            artifact("d/aibom.json", Role::Aibom),
        ];
        let path = |wanted| find(&artifacts, wanted).map(|one| one.path.as_str());
        assert_eq!(path("metrics.json").unwrap(), "d/outputs/metrics.json");
        assert_eq!(path("aibom.json").unwrap(), "d/aibom.json");
        assert_eq!(path("inputs/model/same").unwrap(), "d/inputs/model/same");
        assert_eq!(
            path("d/inputs/dataset/same").unwrap(),
            "d/inputs/dataset/same"
        );
        for (wanted, status) in [
            ("same", 409),
            ("other", 404),
            ("../aibom.json", 404),
            ("", 404),
        ] {
            let problem = find(&artifacts, wanted).unwrap_err();
            assert_eq!(
                actix_web::ResponseError::status_code(&problem),
                status,
                "{wanted}"
            );
        }
    }
}
