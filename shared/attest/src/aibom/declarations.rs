//! CycloneDX' `declarations` (1.6, ECMA-424): what the platform claims of the job, each claim with the file that shows
//! it. A claim stands there only where what it speaks of has happened in this job.

use serde_json::{Value, json};

use super::{
    Facts, LinkRef, ScanFacts, ScanResult, component::output_ref, image, property::instant,
};
use crate::{Digest, OUTPUT_NAMES, verify::MODEL_SIGNATURE_FILE};

/// The `bom-ref` of who claims: the platform itself, no third party.
pub(super) const ASSESSOR: &str = "assessor";
/// The `bom-ref` of the one who handed the job in.
pub(super) const SUBMITTER: &str = "submitter";

/// A claim and the file that shows it.
struct Claim {
    name: &'static str,
    /// The `bom-ref` that it is about.
    target: String,
    predicate: String,
    reasoning: &'static str,
    /// The file of the bundle, and its digest.
    file: String,
    sha256: Digest,
    /// What speaks against it.
    against: Option<String>,
}

/// Everything that is claimed.
pub(super) fn declarations(facts: &Facts) -> Value {
    let claims: Vec<Claim> = [
        Some(inputs_fit(facts)),
        Some(trained(facts)),
        validated(facts),
        signed(facts),
        scanned(facts),
        Some(isolated(facts)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let references: Vec<String> = claims.iter().map(reference).collect();
    json!({
        "assessors": [{
            "bom-ref": ASSESSOR,
            "thirdParty": false,
            "organization": {"name": format!("The platform that trained ({} {})", facts.producer.name, facts.producer.version)},
        }],
        "attestations": [{
            "summary": "What the platform did and measured in this job; it measures itself",
            "assessor": ASSESSOR,
            "map": [{"claims": references}],
        }],
        "claims": claims.iter().map(claim).collect::<Vec<_>>(),
        "evidence": claims.iter().flat_map(|one| evidence(one, facts)).collect::<Vec<_>>(),
        "targets": {"organizations": [{
            "bom-ref": SUBMITTER,
            "name": "Whoever handed in the job; the platform knows no more of them than they said",
        }]},
    })
}

fn reference(claim: &Claim) -> String {
    format!("claim/{}", claim.name)
}

fn claim(claim: &Claim) -> Value {
    let mut value = json!({
        "bom-ref": reference(claim),
        "target": claim.target,
        "predicate": claim.predicate,
        "reasoning": claim.reasoning,
        "evidence": [format!("evidence/{}", claim.name)],
    });
    if let (Some(_), Some(members)) = (&claim.against, value.as_object_mut()) {
        members.insert(
            "counterEvidence".into(),
            json!([format!("counter-evidence/{}", claim.name)]),
        );
    }
    value
}

fn evidence(claim: &Claim, facts: &Facts) -> Vec<Value> {
    let one = |kind: &str, description: String| {
        json!({
            "bom-ref": format!("{kind}/{}", claim.name),
            "description": description,
            "data": [{"name": claim.file, "contents": {"url": claim.file}}],
            "created": instant(facts.times.documented),
        })
    };
    let shown = format!(
        "{} in the job's bundle, SHA-256 {}",
        claim.file, claim.sha256
    );
    let mut all = vec![one("evidence", shown)];
    all.extend(
        claim
            .against
            .as_ref()
            .map(|text| one("counter-evidence", text.clone())),
    );
    all
}

fn of_link(
    link: &LinkRef,
    name: &'static str,
    target: &str,
    predicate: String,
    reasoning: &'static str,
) -> Claim {
    Claim {
        name,
        target: target.to_owned(),
        predicate,
        reasoning,
        file: link.file_name.clone(),
        sha256: link.sha256,
        against: None,
    }
}

fn inputs_fit(facts: &Facts) -> Claim {
    of_link(
        &facts.ingest_link,
        "inputs",
        "input-model",
        "Model, data set and definition were checked against each other before the job was queued"
            .into(),
        "The API lets the trainer read the three files in a sandbox, refuses what does not fit, and signs the digests of \
         what does",
    )
}

fn trained(facts: &Facts) -> Claim {
    of_link(
        &facts.training_link,
        "training",
        &output_ref(OUTPUT_NAMES[0]),
        "The outputs came out of this training of these inputs".into(),
        "The worker hashes what goes into the room and what comes out of it, and signs both as materials and products",
    )
}

/// Only where rows were held out and measured on.
fn validated(facts: &Facts) -> Option<Claim> {
    let rows = facts.data.validation_rows;
    let measured: Vec<&str> = facts
        .metrics
        .keys()
        .filter(|name| name.starts_with("val_"))
        .map(String::as_str)
        .collect();
    if rows == 0 || measured.is_empty() {
        return None;
    }
    let file = "metrics.json";
    let artifact = super::component::find(facts, crate::Role::Output, file).ok()?;
    Some(Claim {
        name: "validation",
        target: output_ref(OUTPUT_NAMES[0]),
        predicate: format!(
            "The model was tested on {rows} rows that it was not trained on: {}",
            measured.join(", ")
        ),
        reasoning: "The trainer splits the rows before the first epoch by the job's seed and reports what it measured on \
                    each part",
        file: artifact.path.clone(),
        sha256: artifact.sha256,
        against: None,
    })
}

fn signed(facts: &Facts) -> Option<Claim> {
    Some(Claim {
        name: "signature",
        target: output_ref(OUTPUT_NAMES[0]),
        predicate: "All outputs are covered by an OpenSSF model signature of the platform".into(),
        reasoning: "The platform signs the digests that the worker measured; model_signing verifies it",
        file: MODEL_SIGNATURE_FILE.to_owned(),
        sha256: facts.model_signature?,
        against: None,
    })
}

/// Only where there was an image, and its scan came to an end and is signed.
fn scanned(facts: &Facts) -> Option<Claim> {
    let ScanFacts::Scanned(scan) = &facts.image.as_ref()?.scan else {
        return None;
    };
    let link = facts.scan_link.as_ref()?;
    let predicate = format!(
        "The image that trained was scanned for known vulnerabilities by {} at {}",
        scan.scanner,
        instant(scan.scanned_at)
    );
    let mut claim = of_link(
        link,
        "scan",
        image::REFERENCE,
        predicate,
        "The scanner hashes the image as it reads it and signs what was found; the findings stand under vulnerabilities",
    );
    claim.against = findings(scan);
    Some(claim)
}

fn findings(scan: &ScanResult) -> Option<String> {
    let count = scan.vulnerabilities.len();
    let stale = scan
        .database_stale
        .then_some("the scanner's database was older than allowed");
    match (count, stale) {
        (0, None) => None,
        (0, Some(stale)) => Some(stale.to_owned()),
        (count, None) => Some(format!("{count} findings in its packages")),
        (count, Some(stale)) => Some(format!("{count} findings in its packages; {stale}")),
    }
}

fn isolated(facts: &Facts) -> Claim {
    let named = |held: bool| {
        let all = facts.isolation.iter().filter(|one| one.held == held);
        all.map(|one| one.mechanism.as_str()).collect::<Vec<_>>()
    };
    let (held, missing) = (named(true), named(false));
    let held = if held.is_empty() {
        "none".to_owned()
    } else {
        held.join(", ")
    };
    let mut claim = of_link(
        &facts.training_link,
        "isolation",
        "environment",
        format!("These mechanisms kept the training apart from everything else: {held}"),
        "The sandbox reports what it could put in force before the trainer began",
    );
    claim.against =
        (!missing.is_empty()).then(|| format!("not in force here: {}", missing.join(", ")));
    claim
}
