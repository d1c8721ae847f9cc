//! The image that a job trains in: what is known of it, and whether the job may run in it.

use assay_attest::{
    Digest, IMAGE_PATH, KeyId, SCAN_IMAGE,
    aibom::{ImageFacts, LinkRef, ScanFacts, ScanResult, VulnerabilityFacts},
    intoto::{Layout, Link, Signed, check_signer, link_file_name},
};
use assay_platform::{
    Config, Platform,
    job::{Claim, Role},
    sandbox::Sandbox,
    scan::{FailOn, ImageSeen, Scan, ScanOutcome, Severity, Verdict, judge},
};
use time::OffsetDateTime;

use crate::stop::Stop;

/// Bytes of a link or a layout at most; the service writes far smaller ones.
const MAX_METADATA_BYTES: u64 = 4 << 20;

/// The image of an attempt that may run.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    name: String,
    id: Digest,
    /// The newest scan; `None` where it does not matter that there is none.
    scan: Option<Scan>,
    /// The link of that scan, where the job's layout asks for one.
    link: Option<ScanLink>,
}

/// A verified `scan_image` link.
#[derive(Debug, Clone)]
struct ScanLink {
    keyid: KeyId,
    bytes: Vec<u8>,
}

/// The image that this worker trains in, by name and id; `None` in a sandbox without images.
pub(crate) fn of_sandbox(sandbox: &Sandbox) -> Option<(String, Digest)> {
    match sandbox {
        Sandbox::Process(_) => None,
        Sandbox::Docker(docker) => {
            let (id, name) = docker.image();
            let id = id.strip_prefix("sha256:")?.parse().ok()?;
            Some((name.to_owned(), id))
        }
    }
}

/// Refuses a worker that could never run a job: one without an image where the configuration wants to know the image.
pub(crate) fn check(config: &Config, sandbox: &Sandbox) -> Result<(), String> {
    let scan = &config.scan;
    if of_sandbox(sandbox).is_some() || (scan.fail_on == FailOn::None && !scan.required) {
        return Ok(());
    }
    Err(
        "scan.fail_on and scan.required speak of the image that trains, and this sandbox has none: set sandbox.kind = \
         \"docker\", or scan.fail_on = \"none\" and scan.required = false"
            .to_owned(),
    )
}

/// Lets the job run in this worker's image, or holds it with the reason; writes down what is known of the image.
pub(crate) async fn admit(platform: &Platform, claim: &Claim) -> Result<Option<Image>, Stop> {
    let Some((name, id)) = of_sandbox(&platform.sandbox) else {
        return Ok(None);
    };
    let layout = layout_of(platform, claim).await?;
    let needs_link = layout.step(SCAN_IMAGE).is_some();
    let newest = platform.db.newest_scan(id).await?;
    let (job, attempt) = (claim.job.id, claim.attempt);
    let seen = ImageSeen::of(&name, id, newest.as_ref());
    if !platform.db.note_image(job, attempt, &seen).await? {
        return Err(Stop::LeaseLost);
    }
    let config = &platform.config.scan;
    let verdict = judge(config, id, newest.as_ref(), needs_link, now());
    if let Verdict::Hold(reason) = verdict {
        return Err(Stop::Held(reason));
    }
    let link = match newest.as_ref().and_then(|scan| scan.link) {
        Some(digest) if needs_link => Some(read_link(platform, &layout, id, digest).await?),
        _ => None,
    };
    Ok(Some(Image {
        name,
        id,
        scan: newest,
        link,
    }))
}

fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// The layout of the job, which the owner signed.
async fn layout_of(platform: &Platform, claim: &Claim) -> Result<Layout, Stop> {
    let changed =
        |what: &dyn std::fmt::Display| Stop::ours("platform.artifact_changed", what.to_string());
    let artifact = claim.artifacts.iter().find(|one| one.role == Role::Layout);
    let artifact = artifact.ok_or_else(|| changed(&"the job has no layout"))?;
    let bytes = platform
        .store
        .read(artifact.digest, MAX_METADATA_BYTES)
        .await?;
    let signed = Signed::<Layout>::parse(&bytes)
        .map_err(|error| changed(&format!("the layout of the job: {error}")))?;
    signed
        .verify(platform.keys.trust().owner_of(signed.keyid()))
        .cloned()
        .map_err(|error| changed(&format!("the layout of the job: {error}")))
}

/// The link of a scan, signed by one whom the job's layout lets scan, of this very image. One that is not may be
/// followed by one that is: the next scan's.
async fn read_link(
    platform: &Platform,
    layout: &Layout,
    image: Digest,
    digest: Digest,
) -> Result<ScanLink, Stop> {
    let bytes = platform.store.read(digest, MAX_METADATA_BYTES).await?;
    let unfit = |what: &dyn std::fmt::Display| {
        Stop::Held(format!(
            "the newest scan of the image sha256:{image} has a link that the job's layout does not accept: {what}"
        ))
    };
    let signed = Signed::<Link>::parse(&bytes).map_err(|error| unfit(&error))?;
    let link = check_signer(layout, &signed).map_err(|error| unfit(&error))?;
    if link.name != SCAN_IMAGE || link.materials.get(IMAGE_PATH) != Some(&image) {
        return Err(unfit(&"it is of another image"));
    }
    Ok(ScanLink {
        keyid: signed.keyid(),
        bytes,
    })
}

impl Image {
    /// The image as a material of `run_training`, where the layout asks for it.
    pub(crate) fn material(&self) -> Option<(String, Digest)> {
        self.link.as_ref().map(|_| (IMAGE_PATH.to_owned(), self.id))
    }

    /// The link's file for the bundle, where the layout asks for it: name and bytes.
    pub(crate) fn link_file(&self) -> Option<(String, &[u8])> {
        let link = self.link.as_ref()?;
        Some((
            link_file_name(SCAN_IMAGE, &link.keyid),
            link.bytes.as_slice(),
        ))
    }

    /// The same for the AIBoM.
    pub(crate) fn link_fact(&self) -> Option<LinkRef> {
        let (file_name, bytes) = self.link_file()?;
        Some(LinkRef {
            file_name,
            sha256: Digest::of(bytes),
        })
    }

    /// What the AIBoM says of it.
    pub(crate) fn facts(&self) -> ImageFacts {
        ImageFacts {
            name: self.name.clone(),
            id: self.id,
            scan: scan_facts(self.scan.as_ref()),
        }
    }
}

fn scan_facts(scan: Option<&Scan>) -> ScanFacts {
    let unknown = |reason: String| ScanFacts::Unknown { reason };
    let Some(scan) = scan else {
        return unknown("the image has not been scanned".to_owned());
    };
    if scan.outcome == ScanOutcome::Failed {
        let reason = scan.reason.as_deref().unwrap_or("it gave no reason");
        return unknown(format!("the newest scan failed: {reason}"));
    }
    let counts = &scan.counts;
    let version = scan
        .trivy_version
        .as_deref()
        .unwrap_or("of an unknown version");
    ScanFacts::Scanned(Box::new(ScanResult {
        scanned_at: scan.scanned_at,
        scanner: format!("Trivy {version}"),
        database_updated_at: scan.database_updated_at,
        database_stale: scan.database_stale,
        counts: [
            ("critical", counts.critical),
            ("high", counts.high),
            ("medium", counts.medium),
            ("low", counts.low),
            ("unknown", counts.unknown),
        ]
        .map(|(word, count)| (word.to_owned(), count))
        .into(),
        vulnerabilities: scan
            .vulnerabilities
            .iter()
            .map(|one| VulnerabilityFacts {
                id: one.id.clone(),
                severity: severity(one.severity).to_owned(),
                package: one.package.clone(),
                installed: one.installed.clone(),
                fixed: one.fixed.clone(),
                title: one.title.clone(),
            })
            .collect(),
    }))
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Unknown => "unknown",
    }
}
