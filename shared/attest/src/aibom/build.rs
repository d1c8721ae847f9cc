use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    BomError, Facts, LinkRef, Measured,
    citations::citations,
    component,
    declarations::declarations,
    formulation::formulation,
    image, model,
    property::{Properties, instant},
    request,
    spec_version::SpecVersion,
    supplied,
};
use crate::{
    ArtifactPath, Digest, INGEST, OUTPUT_NAMES, RUN_TRAINING, Role, SCAN_IMAGE,
    verify::MODEL_SIGNATURE_FILE,
};

/// Builds the CycloneDX document of a job, without a signature: 1.6, or 1.7 where the request's member `aibom` says so.
///
/// # Errors
/// [`BomError::Facts`] when an artifact is missing or twice there, or its path is not one of the job's.
pub fn build(facts: &Facts) -> Result<Value, BomError> {
    check(facts)?;
    let version = SpecVersion::of(&facts.request)?;
    let mut components = component::all(facts)?;
    components.extend(facts.image.as_ref().map(image::component));
    components.extend(supplied::component(facts)?);
    let mut document = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{}.schema.json", version.text()),
        "bomFormat": "CycloneDX",
        "specVersion": version.text(),
        "serialNumber": format!("urn:uuid:{}", facts.serial_number),
        "version": 1,
        "metadata": {
            "timestamp": instant(facts.times.documented),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{
                "type": "application",
                "bom-ref": "producer",
                "name": facts.producer.name,
                "version": facts.producer.version,
            }]},
            "component": subject(facts)?,
        },
        "components": components,
        "dependencies": dependencies(facts),
        "formulation": formulation(facts),
        "externalReferences": attestations(facts),
        "declarations": declarations(facts),
    });
    let found = facts.image.as_ref().and_then(image::vulnerabilities);
    if let (Some(found), Some(members)) = (found, document.as_object_mut()) {
        members.insert("vulnerabilities".into(), found);
    }
    if version >= SpecVersion::V1_7 {
        let cited = citations(&document, facts);
        if let Some(members) = document.as_object_mut() {
            members.insert("citations".into(), cited);
        }
    }
    Ok(document)
}

/// What the document is about: the model with everything that belongs to it.
fn subject(facts: &Facts) -> Result<Value, BomError> {
    let mut properties = Properties::new()
        .with("job", &facts.job_id)
        .with("unique-dir", &facts.unique_dir);
    let claims = request::claims(&facts.request);
    if claims.is_empty() {
        properties = properties.with(
            "metadata",
            "none: the submitter said nothing of the model and the data set",
        );
    }
    for (field, value) in claims {
        properties = properties.with(&format!("claimed:{field}"), value);
    }
    let mut subject = model::describe(facts, "subject")?;
    subject.insert("properties".into(), properties.into_value());
    Ok(Value::Object(subject))
}

/// The links, by file name and digest.
pub(super) fn attestations(facts: &Facts) -> Value {
    let reference = |link: &LinkRef, comment: &str| {
        json!({
            "type": "attestation",
            "url": link.file_name,
            "comment": comment,
            "hashes": [{"alg": "SHA-256", "content": link.sha256}],
        })
    };
    let mut all = vec![
        reference(
            &facts.training_link,
            "in-toto link of the step run_training",
        ),
        reference(&facts.ingest_link, "in-toto link of the step ingest"),
    ];
    let scan = facts.scan_link.as_ref();
    all.extend(scan.map(|link| reference(link, "in-toto link of the step scan_image")));
    let signature = facts.model_signature.as_ref();
    all.extend(signature.map(|sha256| {
        json!({
            "type": "digital-signature",
            "url": MODEL_SIGNATURE_FILE,
            "comment": "OpenSSF model signature over the outputs",
            "hashes": [{"alg": "SHA-256", "content": sha256}],
        })
    }));
    Value::Array(all)
}

fn dependencies(facts: &Facts) -> Value {
    let image = facts.image.as_ref().map(|_| image::REFERENCE);
    let supplied = facts.sbom.as_ref().map(|_| supplied::REFERENCE);
    let mut inputs = vec![
        "input-model",
        "dataset",
        "definition",
        "parameters",
        "trainer",
        "environment",
    ];
    inputs.extend(image);
    let outputs = OUTPUT_NAMES.map(component::output_ref);
    let mut of_subject = outputs.to_vec();
    of_subject.extend(supplied.map(str::to_owned));
    let mut list = vec![json!({"ref": "subject", "dependsOn": of_subject})];
    list.extend(
        outputs
            .iter()
            .map(|output| json!({"ref": output, "dependsOn": inputs})),
    );
    list.push(json!({"ref": "trainer", "dependsOn": ["candle"]}));
    list.push(json!({"ref": "dataset", "dependsOn": ["definition"]}));
    list.extend(
        [
            "input-model",
            "definition",
            "parameters",
            "environment",
            "candle",
        ]
        .into_iter()
        .chain(image)
        .chain(supplied)
        .map(|leaf| json!({"ref": leaf})),
    );
    Value::Array(list)
}

fn check(facts: &Facts) -> Result<(), BomError> {
    let wrong = |text: String| Err(BomError::Facts(text));
    if let Measured::Value(sha256) = &facts.trainer.sha256 {
        sha256
            .parse::<Digest>()
            .map_err(|error| BomError::Facts(format!("the trainer's program: {error}")))?;
    }
    let links = [
        (Some(&facts.ingest_link), INGEST),
        (Some(&facts.training_link), RUN_TRAINING),
        (facts.scan_link.as_ref(), SCAN_IMAGE),
    ];
    for (link, step) in links
        .into_iter()
        .filter_map(|(link, step)| Some((link?, step)))
    {
        if !link.file_name.starts_with(&format!("{step}.")) || !link.file_name.ends_with(".link") {
            return wrong(format!(
                "{:?} is not the name of a link of the step {step}",
                link.file_name
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for artifact in &facts.artifacts {
        let path = ArtifactPath::parse(&artifact.path)
            .map_err(|error| BomError::Facts(error.to_string()))?;
        if path.unique_dir != facts.unique_dir || path.role != artifact.role {
            return wrong(format!(
                "{} is not the path of a {:?} of {}",
                artifact.path, artifact.role, facts.unique_dir
            ));
        }
        let name = if path.role == Role::Output {
            path.file
        } else {
            ""
        };
        if !seen.insert((path.role, name)) {
            return wrong(format!("{} is the second of its kind", artifact.path));
        }
    }
    let inputs = Role::INPUTS.into_iter().map(|role| (role, ""));
    let expected = inputs.chain(OUTPUT_NAMES.map(|name| (Role::Output, name)));
    let mut optional = Role::OPTIONAL_INPUTS.into_iter();
    if optional.any(|role| seen.contains(&(role, "")) != facts.sbom.is_some()) {
        return wrong("an SBOM needs both its file and what was read of it".into());
    }
    match expected.into_iter().find(|one| !seen.contains(one)) {
        Some((role, name)) => wrong(format!("the artifact {role:?} {name} is missing")),
        None if !facts.request.is_object() => wrong("the request is no object".into()),
        None => Ok(()),
    }
}
