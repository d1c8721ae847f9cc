//! What an attempt knew of the image that it trained in, for people.

use assay_attest::Digest;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{Counts, Scan, ScanOutcome, Severity};

/// Ids that are listed at most; the counts are always of all.
const MOST_IDS: usize = 1000;

/// The image of an attempt, and its newest scan when the attempt looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSeen {
    /// The image's name, as it was configured.
    pub image: String,
    /// Its id, `sha256:…`.
    pub image_digest: String,
    /// What its newest scan found; absent where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<ScanSeen>,
    /// Why nothing is known, which is not the same as nothing found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A scan that succeeded, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanSeen {
    /// `clean` or `findings`.
    pub outcome: ScanOutcome,
    /// When the scan was.
    #[serde(with = "time::serde::rfc3339")]
    pub scanned_at: OffsetDateTime,
    /// Trivy's version.
    pub trivy_version: Option<String>,
    /// Of when Trivy's database was; `None` when that is unknown.
    #[serde(with = "time::serde::rfc3339::option")]
    pub database_updated_at: Option<OffsetDateTime>,
    /// Whether that was too old to be relied on.
    pub database_stale: bool,
    /// Findings by severity.
    pub counts: Counts,
    /// Ids of the vulnerabilities, the worst first, each once; the first 1000.
    pub vulnerabilities: Vec<String>,
}

impl ImageSeen {
    /// What is known of an image by its newest scan.
    pub fn of(image: &str, id: Digest, newest: Option<&Scan>) -> Self {
        let (found, unknown) = match newest {
            None => (None, Some("the image has not been scanned yet".to_owned())),
            Some(scan) if scan.outcome == ScanOutcome::Failed => {
                let reason = scan.reason.as_deref().unwrap_or("it gave no reason");
                (None, Some(format!("the newest scan failed: {reason}")))
            }
            Some(scan) => (Some(ScanSeen::of(scan)), None),
        };
        Self {
            image: image.to_owned(),
            image_digest: format!("sha256:{id}"),
            found,
            unknown,
        }
    }
}

impl ScanSeen {
    fn of(scan: &Scan) -> Self {
        let mut ids: Vec<(Severity, &str)> = scan
            .vulnerabilities
            .iter()
            .map(|one| (one.severity, one.id.as_str()))
            .collect();
        ids.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(other.1)));
        let mut vulnerabilities: Vec<String> = Vec::new();
        let mut listed = std::collections::BTreeSet::new();
        for (_, id) in ids {
            if vulnerabilities.len() < MOST_IDS && listed.insert(id) {
                vulnerabilities.push(id.to_owned());
            }
        }
        Self {
            outcome: scan.outcome,
            scanned_at: scan.scanned_at,
            trivy_version: scan.trivy_version.clone(),
            database_updated_at: scan.database_updated_at,
            database_stale: scan.database_stale,
            counts: scan.counts,
            vulnerabilities,
        }
    }
}
