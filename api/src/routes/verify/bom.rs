use std::collections::BTreeMap;

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web::Data};
use assay_attest::{
    Digest, Trust,
    aibom::{self, BomError, VerifiedBom},
    json::Limits,
    verify::{Check, Outcome, ProofFiles, Report, verify_proof},
};
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{
    answer::{check, message, status, words},
    blocking,
    given::{BOM_BYTES, read_file, read_json},
    stored::StoredProof,
};
use crate::{problem::Problem, service::Service};

/// The AIBoM to verify.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read part by part")]
pub(crate) struct BomForm {
    /// A signed CycloneDX document.
    #[schema(value_type = String, format = Binary)]
    bom_file: (),
}

/// What came of the verification of an AIBoM.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BomAnswer {
    /// `success` or `failure`.
    status: &'static str,
    /// `BOM and .link file verification successful.`, or what failed.
    message: String,
    /// The outcome in AIBoMGen's words.
    details: BomDetails,
    /// Every check.
    #[schema(value_type = Vec<Object>)]
    checks: Vec<Check>,
}

/// Each part of the verification of an AIBoM.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BomDetails {
    /// `Verified`, or why not.
    bom_signature: String,
    /// `Verified`: the links that it names are there, verified, and name the same artifacts; or why not.
    link_file: String,
}

/// Verify an AIBoM with the links that it names: signature, digests of the links, the links themselves, and that
/// AIBoM, links and the service's own index name the same artifacts.
#[utoipa::path(
    post, path = "/verify_bom_and_link", tag = "verification",
    request_body(content = BomForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What came of it", body = BomAnswer),
        (status = 400, description = "The body is not well-formed multipart/form-data"),
        (status = 413, description = "The file is too large"),
        (status = 415, description = "The body is not multipart/form-data"),
        (status = 422, description = "The file is missing or is no CycloneDX document"),
        (status = 503, description = "Too many are verifying files"),
    )
)]
pub(crate) async fn bom(
    service: Data<Service>,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let _place = service.verifications.take().await?;
    let bytes = read_file(multipart, "bom_file", BOM_BYTES).await?;
    let trust = service.trust.clone();
    let (bytes, verified) = blocking(move || read(bytes, &trust)).await??;
    let id = match &verified {
        Ok(bom) => bom.job_id.parse().ok(),
        // Nothing in it is to be believed: not even which job it is of.
        Err(error) => return Ok(HttpResponse::Ok().json(refused(error))),
    };
    let stored = StoredProof::of_job(&service, id).await?;
    let trust = service.trust.clone();
    let answer = blocking(move || verify(&bytes, &stored, &trust)).await?;
    Ok(HttpResponse::Ok().json(answer))
}

type Read = (Vec<u8>, Result<VerifiedBom, BomError>);

/// Takes what is at least a CycloneDX document; whether it holds is the inner result.
fn read(bytes: Vec<u8>, trust: &Trust) -> Result<Read, Problem> {
    let document = read_json(&bytes, &Limits::BOM, "bom_file", "bom")?;
    if document.get("bomFormat") != Some(&Value::from("CycloneDX")) {
        let detail = "bom_file is JSON, but not a CycloneDX document";
        return Err(Problem::unprocessable("bom.not_cyclonedx", detail).field("bom_file"));
    }
    let verified = aibom::verify(&bytes, trust.platform_of(&bytes));
    Ok((bytes, verified))
}

fn refused(error: &BomError) -> BomAnswer {
    let compared = "the AIBoM with the pinned platform key";
    let report = Report {
        checks: vec![check("aibom-signature", compared, Err(error.to_string()))],
        ..Report::default()
    };
    BomAnswer {
        status: status(false),
        message: message(&report, ""),
        details: BomDetails {
            bom_signature: words(&report, "aibom-signature", "Verified"),
            link_file: "Not checked: the AIBoM is not verified".to_owned(),
        },
        checks: report.checks,
    }
}

fn verify(bytes: &[u8], stored: &StoredProof, trust: &Trust) -> BomAnswer {
    let files = ProofFiles {
        aibom: Some(bytes),
        model_signature: stored.model_signature.as_deref(),
        statements: stored.statements.as_deref(),
        ..stored.files()
    };
    let proof = verify_proof(&files, trust, OffsetDateTime::now_utc());
    let mut report = proof.report;
    report.checks.push(stored.is_whole());
    report.checks.push(is_indexed(proof.bom.as_ref(), stored));
    BomAnswer {
        status: status(report.is_verified()),
        message: message(&report, "BOM and .link file verification successful."),
        details: BomDetails {
            bom_signature: words(&report, "aibom-signature", "Verified"),
            link_file: links_in_words(&report),
        },
        checks: report.checks,
    }
}

/// Everything but the AIBoM's own signature, in one word or the reason against it.
fn links_in_words(report: &Report) -> String {
    let others = report.checks.iter().filter(|check| {
        !matches!(
            check.name.as_str(),
            "aibom-signature" | "aibom-detached-signature"
        )
    });
    let others = Report {
        checks: others.cloned().collect(),
        ..Report::default()
    };
    let severity = [Outcome::Failed, Outcome::Absent, Outcome::Skipped];
    let decided = severity
        .into_iter()
        .find_map(|outcome| others.checks.iter().find(|check| check.outcome == outcome));
    match decided {
        None => "Verified".to_owned(),
        Some(check) => words(&others, &check.name, "Verified"),
    }
}

/// Whether the service keeps the artifacts that the AIBoM names, under the same paths and digests.
fn is_indexed(bom: Option<&VerifiedBom>, stored: &StoredProof) -> Check {
    let index: BTreeMap<&str, Digest> = stored
        .artifacts
        .iter()
        .map(|one| (one.path.as_str(), one.digest))
        .collect();
    let named = bom.into_iter().flat_map(|bom| &bom.artifacts);
    let mut others = named.filter(|(path, digest)| index.get(path.as_str()) != Some(*digest));
    let result = match others.next() {
        _ if index.is_empty() => Err("the service has no such job".to_owned()),
        Some((path, _)) => Err(format!("the service has other bytes, or none, for {path}")),
        None => Ok(()),
    };
    let compared = "the AIBoM's artifacts with those that the service keeps for the job";
    check("stored-artifacts", compared, result)
}
