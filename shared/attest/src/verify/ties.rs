//! The ties between AIBoM, links and artifacts: swapping any one of them must show.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ProofFiles, Report};
use crate::{
    ArtifactPath, Digest, IMAGE_PATH, Role,
    aibom::{self, VerifiedBom},
    intoto::Link,
    json::{Limits, parse_canonical},
};

const NO_BOM: &str = "there is no verified AIBoM";

/// The AIBoM's digests of the links against the link files, both ways.
pub(super) fn check_links(bom: Option<&VerifiedBom>, files: &ProofFiles<'_>, report: &mut Report) {
    let compared = "the AIBoM's digests of the links with the link files";
    let Some(bom) = bom else {
        return report.skipped("aibom-links", compared, NO_BOM);
    };
    let there: BTreeMap<&str, Digest> = files
        .links
        .iter()
        .map(|file| (file.name, file.digest()))
        .collect();
    let other = there
        .iter()
        .find(|(name, digest)| bom.links.get(**name) != Some(*digest));
    if let Some((name, digest)) = other {
        let text = match bom.links.get(*name) {
            Some(named) => format!("{name} has SHA-256 {digest}; the AIBoM names {named}"),
            None => format!("the AIBoM does not name {name}"),
        };
        report.made("aibom-links", compared, Err(text));
        return;
    }
    match bom
        .links
        .keys()
        .find(|name| !there.contains_key(name.as_str()))
    {
        Some(name) => report.absent("aibom-links", compared, format!("{name} is not there")),
        None => {
            report.made("aibom-links", compared, Ok::<(), &str>(()));
        }
    }
}

/// The AIBoM's artifacts against the training's materials and products: the same paths, the same digests.
pub(super) fn check_artifacts(
    bom: Option<&VerifiedBom>,
    training: Option<&Link>,
    report: &mut Report,
) {
    let compared =
        "the AIBoM's digests of the artifacts with the materials and products of run_training";
    let Some(bom) = bom else {
        return report.skipped("aibom-artifacts", compared, NO_BOM);
    };
    let Some(link) = training else {
        return report.skipped(
            "aibom-artifacts",
            compared,
            "there is no verified run_training link",
        );
    };
    let named = |path: &String| bom.artifacts.get(path).copied();
    let linked = link.materials.keys().chain(link.products.keys());
    let linked = linked.filter(|path| *path != IMAGE_PATH);
    let differs = linked
        .chain(bom.artifacts.keys())
        .find(|path| named(path) != link.digest_of(path));
    let result = differs.map_or(Ok(()), |path| {
        let show = |digest: Option<Digest>| {
            digest.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string())
        };
        Err(format!(
            "{path}: the AIBoM has {}, the link {}",
            show(named(path)),
            show(link.digest_of(path))
        ))
    });
    report.made("aibom-artifacts", compared, result);
}

/// The AIBoM's parameters and claims against the artifact `parameters.json`, which is itself held against the link.
pub(super) fn check_parameters(
    bom: Option<&VerifiedBom>,
    training: Option<&Link>,
    parameters: Option<&[u8]>,
    report: &mut Report,
) {
    let (name, compared) = (
        "aibom-parameters",
        "the AIBoM's parameters with parameters.json",
    );
    let Some(bom) = bom else {
        return report.skipped(name, compared, NO_BOM);
    };
    let Some(link) = training else {
        return report.skipped(name, compared, "there is no verified run_training link");
    };
    let Some(bytes) = parameters else {
        return report.absent(name, compared, "there is no parameters.json");
    };
    let result = request_of(link, bytes).and_then(|request| same_parameters(bom, &request));
    report.made(name, compared, result);
}

/// The request in `parameters.json`, if it is the one that the training names.
pub(super) fn request_of(training: &Link, parameters: &[u8]) -> Result<Value, String> {
    let digest = Digest::of(parameters);
    let is_material = training.materials.iter().any(|(path, named)| {
        *named == digest
            && ArtifactPath::parse(path).is_ok_and(|path| path.role == Role::Parameters)
    });
    if is_material {
        parse_canonical(parameters, &Limits::METADATA).map_err(|error| error.to_string())
    } else {
        Err(format!(
            "parameters.json has SHA-256 {digest}, which is not the link's"
        ))
    }
}

/// The AIBoM's image and its vulnerabilities against the image that trained and what the scan of it found.
pub(super) fn check_scan(
    bom: Option<&VerifiedBom>,
    training: Option<&Link>,
    scan: Option<&Link>,
    report: &mut Report,
) {
    let (name, compared) = (
        "aibom-scan",
        "the AIBoM's image and vulnerabilities with the links run_training and scan_image",
    );
    let Some(bom) = bom else {
        return report.skipped(name, compared, NO_BOM);
    };
    let (Some(training), Some(scan)) = (training, scan) else {
        return report.skipped(name, compared, "a verified link is missing");
    };
    let trained = training.materials.get(IMAGE_PATH);
    let found: BTreeSet<&str> = scan
        .byproducts
        .get("vulnerabilities")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let named: BTreeSet<&str> = bom.vulnerabilities.iter().map(String::as_str).collect();
    let result = if bom.image.as_ref() != trained || trained.is_none() {
        Err("the AIBoM names another image than the one that trained".to_owned())
    } else if let Some(id) = named.symmetric_difference(&found).next() {
        Err(format!("{id} is in one and not in the other"))
    } else {
        Ok(())
    };
    report.made(name, compared, result);
}

fn same_parameters(bom: &VerifiedBom, request: &Value) -> Result<(), String> {
    let (parameters, claims) = (aibom::parameters(request), aibom::claims(request));
    let pairs = [(&parameters, &bom.parameters), (&claims, &bom.claims)];
    for (asked, named) in pairs {
        let differs = asked
            .iter()
            .find(|one| !named.contains(one))
            .or_else(|| named.iter().find(|one| !asked.contains(one)));
        if let Some((name, _)) = differs {
            return Err(format!("{name} differs"));
        }
        if asked.len() != named.len() {
            return Err("the AIBoM names one twice".to_owned());
        }
    }
    Ok(())
}
