//! Trivy's report, schema 2. The file is bounded before it comes here, and so is what is kept of it.

use std::io::Read;

use assay_attest::Digest;
use assay_platform::scan::{Counts, Severity, Vulnerability};
use serde::Deserialize;

use crate::process::Output;

/// The one schema of reports that is understood.
const SCHEMA: u32 = 2;
/// Findings of one image at most: far more than the worst images have.
const MOST_FINDINGS: usize = 20_000;
/// Characters of a package's name or version at most.
const LONGEST_NAME: usize = 200;
/// Characters that are kept of a title.
const LONGEST_TITLE: usize = 300;

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "SchemaVersion")]
    schema: u32,
    #[serde(rename = "Metadata")]
    metadata: Metadata,
    #[serde(rename = "Results", default)]
    results: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "ImageID")]
    id: String,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "Packages", default)]
    packages: Option<Vec<serde::de::IgnoredAny>>,
    #[serde(rename = "Vulnerabilities", default)]
    vulnerabilities: Option<Vec<Found>>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "PkgName")]
    package: String,
    #[serde(rename = "InstalledVersion", default)]
    installed: String,
    #[serde(rename = "FixedVersion", default)]
    fixed: String,
    #[serde(rename = "Severity", default)]
    severity: String,
    #[serde(rename = "Title", default)]
    title: String,
}

/// Reads the findings of the image with this id, each once. The error says what is wrong with the report.
pub(super) fn read(from: impl Read, id: Digest) -> Result<(Counts, Vec<Vulnerability>), String> {
    let report: Report = serde_json::from_reader(from)
        .map_err(|error| format!("Trivy's report cannot be read: {error}"))?;
    if report.schema != SCHEMA {
        return Err(format!(
            "Trivy's report has the schema {}; {SCHEMA} is understood",
            report.schema
        ));
    }
    let scanned = &report.metadata.id;
    if *scanned != format!("sha256:{id}") {
        let scanned: String = scanned.chars().take(80).collect();
        return Err(format!("Trivy scanned {scanned:?}, not sha256:{id}"));
    }
    let parts = report.results.unwrap_or_default();
    let packages: usize = parts
        .iter()
        .map(|part| part.packages.as_ref().map_or(0, Vec::len))
        .sum();
    if packages == 0 {
        return Err(
            "Trivy knows no package in the image, so nothing can be said of it: is it built on a distribution that \
             Trivy supports?"
                .to_owned(),
        );
    }
    let found = parts
        .into_iter()
        .flat_map(|part| part.vulnerabilities.unwrap_or_default());
    let mut all = found.map(finding).collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|one, other| {
        let key =
            |one: &Vulnerability| (one.id.clone(), one.package.clone(), one.installed.clone());
        key(one).cmp(&key(other))
    });
    all.dedup_by(|one, other| {
        (&one.id, &one.package, &one.installed) == (&other.id, &other.package, &other.installed)
    });
    if all.len() > MOST_FINDINGS {
        return Err(format!(
            "Trivy reports {} findings; at most {MOST_FINDINGS} are kept",
            all.len()
        ));
    }
    Ok((count(&all), all))
}

fn finding(found: Found) -> Result<Vulnerability, String> {
    let short = |text: &str| text.chars().count() <= LONGEST_NAME;
    let plain = |text: &str| !text.is_empty() && short(text) && !text.contains(char::is_control);
    if !plain(&found.id)
        || !plain(&found.package)
        || !short(&found.installed)
        || !short(&found.fixed)
    {
        return Err("Trivy's report has a finding with an impossible name".to_owned());
    }
    let some = |text: String| (!text.is_empty()).then_some(text);
    Ok(Vulnerability {
        severity: match found.severity.as_str() {
            "CRITICAL" => Severity::Critical,
            "HIGH" => Severity::High,
            "MEDIUM" => Severity::Medium,
            "LOW" => Severity::Low,
            _ => Severity::Unknown,
        },
        id: found.id,
        package: found.package,
        installed: found.installed,
        fixed: some(found.fixed),
        title: some(found.title.chars().take(LONGEST_TITLE).collect()),
    })
}

fn count(all: &[Vulnerability]) -> Counts {
    let mut counts = Counts::default();
    for one in all {
        match one.severity {
            Severity::Critical => counts.critical += 1,
            Severity::High => counts.high += 1,
            Severity::Medium => counts.medium += 1,
            Severity::Low => counts.low += 1,
            Severity::Unknown => counts.unknown += 1,
        }
    }
    counts
}

/// That the other report is a CycloneDX document at all.
pub(super) fn check_cyclonedx(output: &Output) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "bomFormat")]
        format: String,
    }
    let wrong = |error: &dyn std::fmt::Display| format!("Trivy's CycloneDX report: {error}");
    let file = output.open().map_err(|error| wrong(&error))?;
    let document: Document =
        serde_json::from_reader(std::io::BufReader::new(file)).map_err(|error| wrong(&error))?;
    if document.format == "CycloneDX" {
        Ok(())
    } else {
        Err(wrong(&"it is of another format"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(id: Digest, results: &str) -> String {
        format!(
            r#"{{"SchemaVersion":2,"Metadata":{{"ImageID":"sha256:{id}"}},"Results":{results}}}"#
        )
    }

    fn found(id: &str, severity: &str) -> String {
        format!(
            r#"{{"VulnerabilityID":"{id}","PkgName":"p","InstalledVersion":"1","Severity":"{severity}"}}"#
        )
    }

    #[test]
    fn findings_are_counted_once_each() {
        let id = Digest::of(b"x");
        let (one, two) = (found("CVE-1", "HIGH"), found("CVE-2", "WHATEVER"));
        let text = report(
            id,
            &format!(r#"[{{"Packages":[{{}}],"Vulnerabilities":[{one},{two},{one}]}},{{}}]"#),
        );
        let (counts, all) = read(text.as_bytes(), id).unwrap();
        assert_eq!((counts.high, counts.unknown, all.len()), (1, 1, 2));
        let clean = report(id, r#"[{"Packages":[{}]}]"#);
        assert!(read(clean.as_bytes(), id).unwrap().1.is_empty());
    }

    #[test]
    fn what_is_no_whole_report_of_this_image_is_never_clean() {
        let id = Digest::of(b"x");
        let good = report(id, r#"[{"Packages":[{}]}]"#);
        for text in [
            String::new(),
            "null".into(),
            "{}".into(),
            "garbage".into(),
            good.replace("\"SchemaVersion\":2", "\"SchemaVersion\":1"),
            good.replace(&id.to_string(), &Digest::of(b"y").to_string()),
            good[..good.len() - 1].to_owned(),
            format!("{good}{good}"),
            report(id, "null"),
            report(id, "[]"),
            report(id, r#"[{"Packages":[{}],"Vulnerabilities":[{}]}]"#),
            report(
                id,
                &format!(
                    r#"[{{"Packages":[{{}}],"Vulnerabilities":[{}]}}]"#,
                    found("", "LOW")
                ),
            ),
        ] {
            assert!(read(text.as_bytes(), id).is_err(), "{text}");
        }
    }
}
