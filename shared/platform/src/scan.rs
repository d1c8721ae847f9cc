//! What a scan of an image found.

mod brief;
mod config;
mod policy;
mod seen;
mod times;

use assay_attest::Digest;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

pub use brief::ScanBrief;
pub use config::{FailOn, ImageToScan, ScanConfig, Source};
pub use policy::{Verdict, judge};
pub use seen::{ImageSeen, ScanSeen};
pub use times::ScanTimes;

/// One scan of one image by Trivy, whether it succeeded or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// Its id: a UUID of version 7.
    pub id: Uuid,
    /// The image's name, as the configuration gives it.
    pub image: String,
    /// The image's digest.
    pub image_digest: Digest,
    /// What the image is for.
    pub component: Component,
    /// When the scan ended.
    #[serde(with = "time::serde::rfc3339")]
    pub scanned_at: OffsetDateTime,
    /// Trivy's version; `None` when it could not be asked.
    pub trivy_version: Option<String>,
    /// When Trivy's database of vulnerabilities was made; `None` when that is unknown.
    #[serde(with = "time::serde::rfc3339::option")]
    pub database_updated_at: Option<OffsetDateTime>,
    /// Whether that database was too old to be relied on, or its age is unknown.
    pub database_stale: bool,
    /// What came of it.
    pub outcome: ScanOutcome,
    /// Vulnerabilities by severity.
    pub counts: Counts,
    /// The vulnerabilities.
    pub vulnerabilities: Vec<Vulnerability>,
    /// The report in Trivy's own JSON.
    pub json: Option<Report>,
    /// The report in CycloneDX.
    pub cyclonedx: Option<Report>,
    /// The digest of the signed `scan_image` link, an object of the store.
    pub link: Option<Digest>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Component {
    /// Claims jobs and signs what came of them.
    Worker,
    /// Opens users' models.
    Trainer,
    /// Speaks HTTP.
    Api,
    /// Runs the scans.
    Scanner,
}

impl Component {
    /// The word that configuration and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Trainer => "trainer",
            Self::Api => "api",
            Self::Scanner => "scanner",
        }
    }

    /// The component of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Worker, Self::Trainer, Self::Api, Self::Scanner]
            .into_iter()
            .find(|component| component.as_str() == text)
    }
}

/// What came of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScanOutcome {
    /// Nothing was found.
    Clean,
    /// Something was found.
    Findings,
    /// It did not succeed; what is in the image is unknown.
    Failed,
}

impl ScanOutcome {
    /// The word that the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Findings => "findings",
            Self::Failed => "failed",
        }
    }

    /// The outcome of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Clean, Self::Findings, Self::Failed]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// How bad a vulnerability is, as Trivy says, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody has said.
    Unknown,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// The word that records and reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Vulnerabilities by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones.
    pub low: u64,
    /// Those of which nobody has said how bad they are.
    pub unknown: u64,
}

impl Counts {
    /// The count of each severity, the worst first.
    pub fn by_severity(&self) -> [(Severity, u64); 5] {
        [
            (Severity::Critical, self.critical),
            (Severity::High, self.high),
            (Severity::Medium, self.medium),
            (Severity::Low, self.low),
            (Severity::Unknown, self.unknown),
        ]
    }
}

/// A known vulnerability of a package in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnerability {
    /// Its id, as `CVE-2024-0001`.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The package.
    pub package: String,
    /// The version that is installed.
    pub installed: String,
    /// The version that mends it, if there is one.
    pub fixed: Option<String>,
    /// One line about it.
    pub title: Option<String>,
}

/// A report that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The bucket.
    pub bucket: String,
    /// Its name there.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}
