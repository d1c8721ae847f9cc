//! The image that a job trains in: what is known of it, and whether the job may run in it.

mod signed;

use std::sync::{Arc, Mutex, PoisonError};

use assay_attest::{
    Digest, IMAGE_PATH, KeyId, SCAN_IMAGE,
    aibom::{ImageFacts, LinkRef, ScanFacts, ScanResult, VulnerabilityFacts},
    intoto::{Layout, Link, Signed, check_signer, link_file_name},
};
use assay_platform::{
    Config, Platform,
    db::DbError,
    ids::JobId,
    job::{Claim, Class, Job},
    sandbox::Sandbox,
    scan::{FailOn, ImageSeen, Scan, ScanOutcome, Verdict, judge},
};
use time::OffsetDateTime;

use crate::{
    layout::{MAX_METADATA_BYTES, layout_of},
    run_loop::Worker,
    stop::Stop,
};

/// The image of an attempt that may run.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    name: String,
    id: Digest,
    /// The newest scan; `None` where it does not matter that there is none.
    scan: Option<Arc<Scan>>,
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

/// The newest scan that was read, so that its findings are not read again for each attempt.
#[derive(Debug, Default)]
pub(crate) struct LastScan(Mutex<Option<Arc<Scan>>>);

impl LastScan {
    fn get(&self) -> Option<Arc<Scan>> {
        // A pointer is whole at any time.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The newest scan of an image.
    async fn of(&self, platform: &Platform, image: Digest) -> Result<Option<Arc<Scan>>, DbError> {
        let Some(brief) = platform.db.newest_scan_brief(image).await? else {
            return Ok(None);
        };
        if let Some(last) = self.get().filter(|last| last.id == brief.id) {
            return Ok(Some(last));
        }
        let newest = platform.db.newest_scan(image).await?.map(Arc::new);
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&newest);
        Ok(newest)
    }
}

/// Whether a job that is held because of its image has to wait on. It is looked at without being claimed: nothing of it
/// changes but the reason and the time of the next look. A job of another class is for others to look at.
pub(crate) async fn stays_held(
    worker: &Worker,
    job: JobId,
    class: Option<Class>,
) -> Result<bool, Stop> {
    let platform = &worker.platform;
    let Some((name, id)) = of_sandbox(&platform.sandbox) else {
        return Ok(false);
    };
    let found = platform.db.job(job).await?;
    let other = |job: &Job| class.is_some_and(|class| class != job.class);
    let Some(found) = found.filter(|job| job.held.is_some() && !other(job)) else {
        return Ok(false);
    };
    let config = &platform.config.scan;
    let newest = worker.last_scan.of(platform, id).await?;
    let now = platform.db.now().await?;
    let judge = |needs_link| judge(config, id, newest.as_deref(), needs_link, now);
    let mut verdict = judge(false);
    if verdict == Verdict::Run {
        let source = found.reproduces.unwrap_or(job);
        let artifacts = platform.db.artifacts(source).await?;
        let layout = layout_of(platform, &artifacts).await?;
        verdict = judge(layout.step(SCAN_IMAGE).is_some());
    }
    let Verdict::Hold(reason) = verdict else {
        return Ok(false);
    };
    let seen = ImageSeen::of(&name, id, newest.as_deref());
    let db = &platform.db;
    Ok(db.still_held(job, &seen, &reason, config.recheck).await?)
}

/// Lets the job run in this worker's image, or holds it with the reason; writes down what is known of the image.
pub(crate) async fn admit(
    worker: &Worker,
    claim: &Claim,
    layout: &Layout,
) -> Result<Option<Image>, Stop> {
    let platform = &worker.platform;
    let Some((name, id)) = of_sandbox(&platform.sandbox) else {
        return Ok(None);
    };
    let needs_link = layout.step(SCAN_IMAGE).is_some();
    let newest = worker.last_scan.of(platform, id).await?;
    let (job, attempt) = (claim.job.id, claim.attempt);
    let seen = ImageSeen::of(&name, id, newest.as_deref());
    if !platform.db.note_image(job, attempt, &seen).await? {
        return Err(Stop::LeaseLost);
    }
    let config = &platform.config.scan;
    // The database dated the scan, so its clock says how old it is.
    let now = platform.db.now().await?;
    let verdict = judge(config, id, newest.as_deref(), needs_link, now);
    if let Verdict::Hold(reason) = verdict {
        return Err(Stop::Held(reason));
    }
    let link = match &newest {
        Some(scan) if needs_link => read_link(platform, layout, scan, now).await?,
        _ => None,
    };
    Ok(Some(Image {
        name,
        id,
        scan: newest,
        link,
    }))
}

/// The link of a scan, signed by one whom the job's layout lets scan, of this very image, and saying what the row says.
/// One that is not may be followed by one that is: the next scan's.
async fn read_link(
    platform: &Platform,
    layout: &Layout,
    scan: &Scan,
    now: OffsetDateTime,
) -> Result<Option<ScanLink>, Stop> {
    let (image, Some(digest)) = (scan.image_digest, scan.link) else {
        return Ok(None);
    };
    let bytes = platform.store.read(digest, MAX_METADATA_BYTES).await?;
    let unfit = |what: &dyn std::fmt::Display| {
        Stop::Held(format!(
            "the newest scan of the image sha256:{image} has a link that the job's layout does not accept: {what}"
        ))
    };
    let signed = Signed::<Link>::parse(&bytes).map_err(|error| unfit(&error))?;
    let trust = platform.keys.trust();
    trust
        .check_key(signed.keyid(), None)
        .map_err(|refusal| unfit(&refusal))?;
    let link = check_signer(layout, &signed).map_err(|error| unfit(&error))?;
    if link.name != SCAN_IMAGE || link.materials.get(IMAGE_PATH) != Some(&image) {
        return Err(unfit(&"it is of another image"));
    }
    signed::agrees(link, scan, &platform.config.scan, now).map_err(|error| unfit(&error))?;
    Ok(Some(ScanLink {
        keyid: signed.keyid(),
        bytes,
    }))
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
            scan: scan_facts(self.scan.as_deref()),
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
        counts: counts
            .by_severity()
            .map(|(severity, count)| (severity.as_str().to_owned(), count))
            .into(),
        vulnerabilities: scan
            .vulnerabilities
            .iter()
            .map(|one| VulnerabilityFacts {
                id: one.id.clone(),
                severity: one.severity.as_str().to_owned(),
                package: one.package.clone(),
                installed: one.installed.clone(),
                fixed: one.fixed.clone(),
                title: one.title.clone(),
            })
            .collect(),
    }))
}
