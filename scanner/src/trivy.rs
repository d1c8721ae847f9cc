//! Trivy, the program.

mod report;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_attest::Digest;
use assay_platform::scan::{Counts, ScanConfig, Vulnerability};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    process::{Ended, Job, Output, run},
    room::Room,
};

/// The exit status that Trivy is told to have when it found something. Every other but 0 is an error of its own.
const FOUND: i32 = 10;
/// How long Trivy may take to say which version it is, and to write its report another way.
const BRIEF: Duration = Duration::from_secs(120);

/// Which Trivy, with which database.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) program: String,
    /// Of when its database is; `None` if it has none or does not say.
    pub(crate) database: Option<OffsetDateTime>,
}

impl Version {
    /// Whether the database is too old to be relied on, or of an unknown age. One from the future is of an unknown age.
    pub(crate) fn is_stale(&self, most: Duration, now: OffsetDateTime) -> bool {
        self.database
            .is_none_or(|updated| now - updated > most || updated - now > Duration::from_secs(3600))
    }
}

/// What a scan that succeeded found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) status: i32,
    pub(crate) counts: Counts,
    pub(crate) vulnerabilities: Vec<Vulnerability>,
    /// Trivy's own report.
    pub(crate) json: Output,
    /// The same as CycloneDX.
    pub(crate) cyclonedx: Output,
}

/// Trivy, as it is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trivy<'a>(pub(crate) &'a ScanConfig);

impl Trivy<'_> {
    /// Asks the program which version it and its database are.
    pub(crate) async fn version(self, room: &Room) -> Result<Version, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Said {
            version: String,
            #[serde(rename = "VulnerabilityDB")]
            database: Option<Database>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Database {
            #[serde(with = "time::serde::rfc3339")]
            updated_at: OffsetDateTime,
        }
        let arguments = ["version", "--format", "json"].map(OsString::from);
        let ended = self
            .run(arguments.into(), room, "version.json", 1 << 20, BRIEF)
            .await?;
        expect(&ended, &[0])?;
        let read = |error: &dyn std::fmt::Display| format!("what Trivy says of itself: {error}");
        let file = ended.output.open().map_err(|error| read(&error))?;
        let said: Said =
            serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| read(&error))?;
        Ok(Version {
            program: said.version.chars().take(40).collect(),
            database: said.database.map(|database| database.updated_at),
        })
    }

    /// Scans the image in an archive, whose id must be `id`. Anything but a whole, consistent report is an error.
    pub(crate) async fn scan(
        self,
        archive: &Path,
        id: Digest,
        room: &Room,
    ) -> Result<Findings, String> {
        let config = self.0;
        let mut arguments = self.scan_arguments();
        arguments.extend(["--input".into(), archive.into()]);
        let ended = self
            .run(
                arguments,
                room,
                "report.json",
                config.report_bytes,
                config.timeout,
            )
            .await?;
        let status = expect(&ended, &[0, FOUND])?;
        let json = ended.output;
        let file = json.open().map_err(|error| error.to_string())?;
        let read = move || report::read(std::io::BufReader::new(file), id);
        let (counts, vulnerabilities) = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| error.to_string())??;
        if (status == FOUND) == vulnerabilities.is_empty() {
            return Err(format!(
                "Trivy ended with status {status}, but its report has {} vulnerabilities",
                vulnerabilities.len()
            ));
        }
        let mut arguments: Vec<OsString> = ["convert", "--quiet", "--format", "cyclonedx"]
            .map(OsString::from)
            .into();
        arguments.push(json.path.clone().into());
        let converted = self
            .run(
                arguments,
                room,
                "cyclonedx.json",
                config.report_bytes,
                BRIEF,
            )
            .await?;
        expect(&converted, &[0])?;
        report::check_cyclonedx(&converted.output)?;
        Ok(Findings {
            status,
            counts,
            vulnerabilities,
            json,
            cyclonedx: converted.output,
        })
    }

    fn scan_arguments(self) -> Vec<OsString> {
        let mut words = vec![
            "image",
            "--scanners",
            "vuln",
            "--format",
            "json",
            "--list-all-pkgs",
            "--exit-code",
            "10",
            // The cache of layers is locked by one Trivy at a time; scans may run side by side.
            "--cache-backend",
            "memory",
            "--skip-java-db-update",
            "--skip-check-update",
            "--skip-version-check",
            "--disable-telemetry",
            "--offline-scan",
            "--no-progress",
            "--quiet",
        ];
        if !self.0.update_database {
            words.push("--skip-db-update");
        }
        words.into_iter().map(OsString::from).collect()
    }

    async fn run(
        self,
        mut arguments: Vec<OsString>,
        room: &Room,
        output: &str,
        most: u64,
        limit: Duration,
    ) -> Result<Ended, String> {
        let cache: &Path = &self.0.cache_dir;
        if !cache.as_os_str().is_empty() {
            // It runs in a folder of its own, so what was relative to ours must not be.
            let cache = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
            arguments.extend(["--cache-dir".into(), cache.into()]);
        }
        let job = Job {
            program: &self.0.trivy,
            arguments,
            folder: &room.empty(),
            most,
            limit,
        };
        let to: PathBuf = room.file(output);
        run(job, to).await
    }
}

/// The exit status, which must be one of these: Trivy has 1 for errors of any kind.
fn expect(ended: &Ended, good: &[i32]) -> Result<i32, String> {
    match ended.status {
        Some(status) if good.contains(&status) => Ok(status),
        Some(status) => Err(format!("Trivy ended with status {status}: {}", ended.said)),
        None => Err(format!("Trivy was ended by a signal: {}", ended.said)),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_database_that_is_old_or_of_unknown_age_is_stale() {
        let now = datetime!(2026-06-03 00:00 UTC);
        let stale = |database| {
            let version = Version {
                program: "0".into(),
                database,
            };
            version.is_stale(Duration::from_secs(48 * 3600), now)
        };
        assert!(!stale(Some(datetime!(2026-06-01 00:00 UTC))));
        assert!(stale(Some(datetime!(2026-05-31 23:59 UTC))));
        assert!(stale(Some(datetime!(2026-06-03 02:00 UTC))));
        assert!(stale(None));
    }
}
