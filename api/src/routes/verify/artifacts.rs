use std::collections::BTreeMap;

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web::Data};
use assay_attest::{
    Digest,
    intoto::{Artifacts, Link},
    verify::Check,
};
use assay_platform::store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::{check, message, status},
    blocking,
    file_hash::verify_signature,
    given::{GivenLink, LINK_BYTES, read_file},
    link::LinkForm,
    stored::StoredProof,
};
use crate::{problem::Problem, service::Service};

/// What came of hashing the stored artifacts of a link anew.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArtifactsAnswer {
    /// `success` or `failure`.
    status: &'static str,
    /// Materials that lie in the store as the link has them.
    verified_materials: Vec<String>,
    /// Products that lie in the store as the link has them.
    verified_products: Vec<String>,
    /// Materials that do not.
    mismatched_materials: Vec<Mismatch>,
    /// Products that do not.
    mismatched_products: Vec<Mismatch>,
    /// What failed, in a sentence.
    message: String,
    /// Every check.
    #[schema(value_type = Vec<Object>)]
    checks: Vec<Check>,
}

/// An artifact that is not as the link has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Mismatch {
    /// Its path.
    path: String,
    /// The digest of what lies in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    computed_hash: Option<Digest>,
    /// The digest in the link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    recorded_hash: Option<Digest>,
    /// Why it could not be hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// Hash every stored artifact that a link names anew.
///
/// The link's signature is verified first, so that nobody learns digests of stored files by making links up.
#[utoipa::path(
    post, path = "/verify_minio_artifacts", tag = "verification",
    request_body(content = LinkForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What came of it", body = ArtifactsAnswer),
        (status = 400, description = "The body is not well-formed multipart/form-data"),
        (status = 413, description = "The file is too large"),
        (status = 415, description = "The body is not multipart/form-data"),
        (status = 422, description = "The file is missing or is no link"),
        (status = 503, description = "Too many are verifying files"),
    )
)]
pub(crate) async fn artifacts(
    service: Data<Service>,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let _place = service.verifications.take().await?;
    let file = read_file(multipart, "link_file", LINK_BYTES).await?;
    let given = GivenLink::read(file).await?;
    let stored = StoredProof::of_link(&service, &given).await?;
    let index = stored
        .artifacts
        .iter()
        .map(|one| (one.path.clone(), one.digest))
        .collect();
    let trust = service.trust.clone();
    let (mut report, link) = blocking(move || verify_signature(&given, &stored, &trust)).await?;
    let mut answer = match link {
        Some(link) => compare(&service, &link, &index).await?,
        None => empty(),
    };
    if answer.status == status(true) || !answer.is_empty() {
        let count = answer.mismatched_materials.len() + answer.mismatched_products.len();
        let result = match count {
            0 => Ok(()),
            count => Err(format!("{count} artifacts are not as the link has them")),
        };
        let compared = "the stored artifacts with the link";
        report
            .checks
            .push(check("stored-artifacts", compared, result));
    }
    answer.message = message(&report, "Every stored artifact is as the link has it.");
    answer.checks = report.checks;
    Ok(HttpResponse::Ok().json(answer))
}

impl ArtifactsAnswer {
    fn is_empty(&self) -> bool {
        self.mismatched_materials.is_empty() && self.mismatched_products.is_empty()
    }
}

fn empty() -> ArtifactsAnswer {
    ArtifactsAnswer {
        status: status(false),
        verified_materials: Vec::new(),
        verified_products: Vec::new(),
        mismatched_materials: Vec::new(),
        mismatched_products: Vec::new(),
        message: String::new(),
        checks: Vec::new(),
    }
}

async fn compare(
    service: &Service,
    link: &Link,
    index: &BTreeMap<String, Digest>,
) -> Result<ArtifactsAnswer, Problem> {
    let _permit = service.rehashing.acquire().await;
    let mut answer = empty();
    (answer.verified_materials, answer.mismatched_materials) =
        compare_all(service, &link.materials, index).await?;
    (answer.verified_products, answer.mismatched_products) =
        compare_all(service, &link.products, index).await?;
    answer.status = status(answer.is_empty());
    Ok(answer)
}

async fn compare_all(
    service: &Service,
    recorded: &Artifacts,
    index: &BTreeMap<String, Digest>,
) -> Result<(Vec<String>, Vec<Mismatch>), Problem> {
    let (mut verified, mut mismatched) = (Vec::new(), Vec::new());
    for (path, recorded) in recorded {
        match stored_digest(service, index.get(path).copied()).await? {
            Ok(found) if found == *recorded => verified.push(path.clone()),
            Ok(found) => mismatched.push(Mismatch {
                path: path.clone(),
                computed_hash: Some(found),
                recorded_hash: Some(*recorded),
                error: None,
            }),
            Err(error) => mismatched.push(Mismatch {
                path: path.clone(),
                computed_hash: None,
                recorded_hash: Some(*recorded),
                error: Some(error),
            }),
        }
    }
    Ok((verified, mismatched))
}

/// The digest of what really lies in the store for an artifact; the inner error says why there is none.
async fn stored_digest(
    service: &Service,
    named: Option<Digest>,
) -> Result<Result<Digest, &'static str>, Problem> {
    let Some(named) = named else {
        return Ok(Err("the service has no artifact of this path"));
    };
    match service.platform.store.verify(named).await {
        Ok(stored) => Ok(Ok(stored.digest)),
        Err(StoreError::Corrupt { found, .. }) => Ok(Ok(found)),
        Err(StoreError::Missing(_)) => Ok(Err("its object is missing from the store")),
        Err(other) => Err(other.into()),
    }
}
