use actix_multipart::Multipart;
use actix_web::{HttpResponse, web::Data};
use assay_attest::{
    INGEST, RUN_TRAINING, Trust,
    verify::{Check, Report, verify_proof},
};
use assay_platform::{ids::JobId, job::Role};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    answer::{check, message, status, words},
    blocking,
    given::{GivenLink, LINK_BYTES, read_file},
    stored::StoredProof,
};
use crate::{problem::Problem, service::Service};

/// The link to verify.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read part by part")]
pub(crate) struct LinkForm {
    /// An in-toto link.
    #[schema(value_type = String, format = Binary)]
    link_file: (),
}

/// What came of the verification of a link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkAnswer {
    /// `success` or `failure`.
    status: &'static str,
    /// `Verification successful.`, or what failed.
    message: String,
    /// The outcome in AIBoMGen's words.
    details: LinkDetails,
    /// Steps of the layout of which the service has no link, so that nothing can be said of them.
    absent: Vec<&'static str>,
    /// Jobs whose proof holds this very link, the newest first, 100 at most; the link was verified with the proof of the
    /// first. Given for a `scan_image` link, which many jobs share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    jobs: Vec<JobId>,
    /// Every check.
    #[schema(value_type = Vec<Object>)]
    checks: Vec<Check>,
}

/// Each part of the verification of a link.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkDetails {
    /// `Verified`, or why not.
    layout_signature: String,
    /// `Valid`, or why not.
    layout_expiration: String,
    /// `Verified`, or why not.
    link_signatures: String,
    /// `Met`, or why not.
    threshold_verification: String,
    /// `All rules satisfied`, or which is not.
    artifact_rules: String,
}

/// Verify a link together with the other links of its job, which the service finds by itself.
#[utoipa::path(
    post, path = "/verify_in-toto_link", tag = "verification",
    request_body(content = LinkForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What came of it", body = LinkAnswer),
        (status = 400, description = "The body is not well-formed multipart/form-data"),
        (status = 413, description = "The file is too large"),
        (status = 415, description = "The body is not multipart/form-data"),
        (status = 422, description = "The file is missing or is no link"),
        (status = 503, description = "Too many are verifying files"),
    )
)]
pub(crate) async fn link(
    service: Data<Service>,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let _place = service.verifications.take().await?;
    let file = read_file(multipart, "link_file", LINK_BYTES).await?;
    let given = GivenLink::read(file).await?;
    let stored = StoredProof::of_link(&service, &given).await?;
    let trust = service.trust.clone();
    let answer = blocking(move || verify(&given, &stored, &trust)).await?;
    Ok(HttpResponse::Ok().json(answer))
}

fn verify(given: &GivenLink, stored: &StoredProof, trust: &Trust) -> LinkAnswer {
    let files = stored.files_with(&given.name, &given.bytes);
    let proof = verify_proof(&files, trust, OffsetDateTime::now_utc());
    let mut report = proof.report;
    report
        .checks
        .retain(|check| !check.name.starts_with("aibom-"));
    let absent = [(INGEST, &proof.ingest), (RUN_TRAINING, &proof.training)]
        .into_iter()
        .filter(|(_, link)| link.is_none())
        .map(|(step, _)| step)
        .collect();
    // Where the service finds the link's folder must be the job that the link itself names.
    if let Some(job) = stored.job {
        report.expect_job(&job.to_string());
    }
    report.checks.push(stored.is_whole());
    report.checks.push(is_stored(given, stored));
    LinkAnswer {
        status: status(report.is_verified()),
        message: message(&report, "Verification successful."),
        details: details(&report),
        absent,
        jobs: stored.holders.clone(),
        checks: report.checks,
    }
}

fn details(report: &Report) -> LinkDetails {
    LinkDetails {
        layout_signature: words(report, "layout-signature", "Verified"),
        layout_expiration: words(report, "layout-expiry", "Valid"),
        link_signatures: words(report, "link-signature", "Verified"),
        threshold_verification: words(report, "link-threshold", "Met"),
        artifact_rules: words(report, "artifact-rules", "All rules satisfied"),
    }
}

/// Whether the job completed with this very link: a worker that lost its lease may have signed another one.
fn is_stored(given: &GivenLink, stored: &StoredProof) -> Check {
    let is_link = |role| matches!(role, Role::IngestLink | Role::TrainingLink | Role::ScanLink);
    let mut links = stored.artifacts.iter().filter(|one| is_link(one.role));
    let result = if stored.artifacts.is_empty() {
        Err(match given.unique_dir() {
            Some(_) => "the service has no job in whose folder the link's artifacts lie",
            None => "the service has no job whose proof holds this link",
        }
        .to_owned())
    } else if links.any(|link| link.digest == given.digest) {
        Ok(())
    } else {
        Err("the job that it speaks of has another link".to_owned())
    };
    check(
        "link-stored",
        "the link with those that the service stored for the job",
        result,
    )
}
