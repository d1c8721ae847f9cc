//! The image that a training ran in, and what a scan of it found.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::property::{Properties, instant};
use crate::Digest;

/// The `bom-ref` of the image.
pub(super) const REFERENCE: &str = "image";

/// The image that a training ran in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Its name as it was configured.
    pub name: String,
    /// Its id: SHA-256 of its configuration, which names every layer by digest.
    pub id: Digest,
    /// What the newest scan of it found.
    pub scan: ScanFacts,
}

/// What is known of an image's vulnerabilities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanFacts {
    /// It was scanned.
    Scanned(Box<ScanResult>),
    /// It was not, or the scan failed: nothing is known, which is not the same as nothing found.
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanResult {
    /// When the scan began.
    #[serde(with = "time::serde::rfc3339")]
    pub scanned_at: OffsetDateTime,
    /// The scanner and its version, as `Trivy 0.76.0`.
    pub scanner: String,
    /// Of when the scanner's database was; absent where it does not say.
    #[serde(with = "time::serde::rfc3339::option")]
    pub database_updated_at: Option<OffsetDateTime>,
    /// Whether the database was older than was allowed, so that newer vulnerabilities may be missing.
    pub database_stale: bool,
    /// Findings by severity, in lower case.
    pub counts: BTreeMap<String, u64>,
    /// The findings, one for each vulnerability and package.
    pub vulnerabilities: Vec<VulnerabilityFacts>,
}

/// A known vulnerability in a package of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VulnerabilityFacts {
    /// Its id, as `CVE-2023-45853`.
    pub id: String,
    /// `critical`, `high`, `medium`, `low` or `unknown`.
    pub severity: String,
    /// The package.
    pub package: String,
    /// The version that is in the image.
    pub installed: String,
    /// The version that mends it, if there is one.
    pub fixed: Option<String>,
    /// One line about it, if the database has one.
    pub title: Option<String>,
}

/// Severities from the worst; others are written as `unknown`.
const SEVERITIES: [&str; 5] = ["critical", "high", "medium", "low", "unknown"];

/// The component that stands for the image.
pub(super) fn component(image: &ImageFacts) -> Value {
    let properties = match &image.scan {
        ScanFacts::Unknown { reason } => {
            Properties::new().with("image-scan", format!("unknown: {reason}"))
        }
        ScanFacts::Scanned(scan) => scanned(scan),
    };
    json!({
        "type": "container",
        "bom-ref": REFERENCE,
        "name": image.name,
        "version": format!("sha256:{}", image.id),
        "description": "The image that the training ran in; its hash is that of its configuration",
        "hashes": [{"alg": "SHA-256", "content": image.id}],
        "properties": properties.into_value(),
    })
}

fn scanned(scan: &ScanResult) -> Properties {
    let database = scan
        .database_updated_at
        .map_or_else(|| "unknown: the scanner does not say".to_owned(), instant);
    let mut properties = Properties::new()
        .with("image-scan:scanned-at", instant(scan.scanned_at))
        .with("image-scan:scanner", &scan.scanner)
        .with("image-scan:database-updated-at", database)
        .with("image-scan:database-stale", scan.database_stale.to_string());
    for severity in SEVERITIES {
        let count = scan.counts.get(severity).copied().unwrap_or(0);
        properties = properties.with(&format!("image-scan:{severity}"), count.to_string());
    }
    properties
}

/// CycloneDX' list of vulnerabilities, one entry for each id; `None` where nothing is known of the image.
pub(super) fn vulnerabilities(image: &ImageFacts) -> Option<Value> {
    let ScanFacts::Scanned(scan) = &image.scan else {
        return None;
    };
    let mut by_id: BTreeMap<&str, Vec<&VulnerabilityFacts>> = BTreeMap::new();
    for one in &scan.vulnerabilities {
        by_id.entry(&one.id).or_default().push(one);
    }
    let entries = by_id
        .into_iter()
        .map(|(id, packages)| entry(id, &packages, &scan.scanner));
    Some(Value::Array(entries.collect()))
}

fn entry(id: &str, packages: &[&VulnerabilityFacts], scanner: &str) -> Value {
    let rank = |one: &&&VulnerabilityFacts| {
        SEVERITIES
            .iter()
            .position(|word| *word == one.severity)
            .unwrap_or(SEVERITIES.len() - 1)
    };
    let severity = packages
        .iter()
        .min_by_key(rank)
        .and_then(|one| SEVERITIES.get(rank(&one)))
        .unwrap_or(&"unknown");
    let mut properties = Properties::new();
    for one in packages {
        let fixed = one.fixed.as_deref().map_or_else(
            || "no version mends it".to_owned(),
            |version| format!("mended in {version}"),
        );
        let text = format!("{} {} ({fixed})", one.package, one.installed);
        properties = properties.with("package", text);
    }
    let mut entry = json!({
        "bom-ref": format!("vulnerability/{id}"),
        "id": id,
        "source": {"name": "Trivy"},
        "ratings": [{"source": {"name": scanner}, "severity": severity}],
        "affects": [{"ref": REFERENCE}],
        "properties": properties.into_value(),
    });
    let title = packages.iter().find_map(|one| one.title.as_deref());
    if let (Some(title), Some(members)) = (title, entry.as_object_mut()) {
        members.insert("description".into(), title.into());
    }
    entry
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn finding(id: &str, severity: &str, package: &str) -> VulnerabilityFacts {
        VulnerabilityFacts {
            id: id.into(),
            severity: severity.into(),
            package: package.into(),
            installed: "1.0".into(),
            fixed: (package == "a").then(|| "1.1".into()),
            title: None,
        }
    }

    fn image(scan: ScanFacts) -> ImageFacts {
        ImageFacts {
            name: "trainer:1".into(),
            id: Digest::of(b"image"),
            scan,
        }
    }

    #[test]
    fn a_vulnerability_of_several_packages_is_one_entry_of_its_worst_rating() {
        let image = image(ScanFacts::Scanned(Box::new(ScanResult {
            scanned_at: datetime!(2026-06-01 11:00 UTC),
            scanner: "Trivy 0.76.0".into(),
            database_updated_at: None,
            database_stale: true,
            counts: [("high".to_owned(), 1), ("low".to_owned(), 2)].into(),
            vulnerabilities: vec![
                finding("CVE-2", "low", "b"),
                finding("CVE-1", "low", "a"),
                finding("CVE-1", "high", "b"),
            ],
        })));
        let list = vulnerabilities(&image).unwrap();
        assert_eq!(list.as_array().unwrap().len(), 2);
        assert_eq!(list[0]["id"], "CVE-1");
        assert_eq!(list[0]["ratings"][0]["severity"], "high");
        assert_eq!(list[0]["affects"], json!([{"ref": "image"}]));
        assert_eq!(list[0]["properties"][0]["value"], "a 1.0 (mended in 1.1)");
        let text = component(&image).to_string();
        assert!(
            text.contains("image-scan:database-stale") && text.contains("unknown: the scanner")
        );
    }

    #[test]
    fn what_was_not_scanned_has_no_list_of_findings() {
        let image = image(ScanFacts::Unknown {
            reason: "the scan failed".into(),
        });
        assert_eq!(vulnerabilities(&image), None);
        assert!(
            component(&image)
                .to_string()
                .contains("unknown: the scan failed")
        );
    }
}
