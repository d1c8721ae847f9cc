//! The `scan_image` link.

use std::collections::BTreeSet;

use assay_attest::{IMAGE_PATH, SCAN_IMAGE, SCAN_REPORTS, intoto::Link, scan_command};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    images::Image,
    trivy::{Findings, Version},
};

/// What was scanned, with what, and what came of it: material is the image, products are the two reports.
pub(crate) fn scan_link(
    image: &Image,
    version: &Version,
    stale: bool,
    findings: &Findings,
    scanned_at: OffsetDateTime,
) -> Link {
    let mut link = Link::new(SCAN_IMAGE, scan_command());
    link.materials.insert(IMAGE_PATH.to_owned(), image.id);
    let [json_path, cyclonedx_path] = SCAN_REPORTS;
    link.products
        .insert(json_path.to_owned(), findings.json.digest);
    link.products
        .insert(cyclonedx_path.to_owned(), findings.cyclonedx.digest);
    let ids: BTreeSet<&str> = findings
        .vulnerabilities
        .iter()
        .map(|one| one.id.as_str())
        .collect();
    let counts: Map<String, Value> = findings
        .counts
        .by_severity()
        .into_iter()
        .map(|(severity, count)| (severity.as_str().to_owned(), count.into()))
        .collect();
    link.byproducts = object(json!({
        "return-value": findings.status,
        "stdout": "",
        "stderr": "",
        "counts": counts,
        "vulnerabilities": ids,
    }));
    link.environment = object(json!({
        "image": { "name": image.name, "component": image.component.as_str() },
        "scanner": {
            "name": "Trivy",
            "version": version.program,
            "database-updated-at": version.database.map_or_else(
                || json!({ "unknown": "Trivy does not say" }),
                instant,
            ),
            "database-stale": stale,
        },
        "service": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "scanned-at": instant(scanned_at),
    }));
    link
}

fn instant(at: OffsetDateTime) -> Value {
    match at.format(&Rfc3339) {
        Ok(text) => json!(text),
        Err(error) => json!({ "unknown": error.to_string() }),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
