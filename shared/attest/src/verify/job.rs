//! Which job a proof is of. A proof in which everything is signed and everything fits together is still worth nothing
//! to somebody who asked for another job's.

use serde_json::Value;

use super::{Report, proof::SignedLink};
use crate::{
    INGEST, RUN_TRAINING,
    aibom::{self, VerifiedBom},
    intoto::Link,
    json::{Limits, parse},
};

/// The id of the job that a link is of: its `environment.job.id`. `None` for a `scan_image` link, which is of an image.
pub fn link_job(link: &Link) -> Option<&str> {
    id_in(link.environment.get("job")?)
}

/// The id of the job that the bytes of a link or an AIBoM name, whoever wrote them.
///
/// It is good for noticing that one got something else than one asked for, and for nothing more: no signature is looked
/// at.
pub fn named_job(bytes: &[u8]) -> Option<String> {
    let document = parse(bytes, &Limits::BOM).ok()?;
    let in_link = document.pointer("/signed/environment/job").and_then(id_in);
    in_link
        .or_else(|| aibom::job_id(&document))
        .map(str::to_owned)
}

fn id_in(job: &Value) -> Option<&str> {
    job.get("id")?.as_str()
}

/// Checks that `ingest`, `run_training` and AIBoM, as many as are verified, are of one job.
pub(super) fn check_job(links: &[SignedLink], bom: Option<&VerifiedBom>, report: &mut Report) {
    let (name, compared) = (
        "job-identity",
        "the jobs that ingest, run_training and AIBoM name, with each other",
    );
    let links = links
        .iter()
        .map(|one| &one.link)
        .filter(|link| [INGEST, RUN_TRAINING].contains(&link.name.as_str()));
    let named: Vec<(&str, Option<&str>)> = links
        .map(|link| (link.name.as_str(), link_job(link)))
        .chain(bom.map(|bom| ("the AIBoM", Some(bom.job_id.as_str()))))
        .collect();
    let Some((first, job)) = named.first().copied() else {
        return report.skipped(name, compared, "there is no verified link and no AIBoM");
    };
    let nameless = named.iter().find(|(_, job)| job.is_none());
    let other = named.iter().find(|(_, other)| *other != job);
    let result = if let Some((what, _)) = nameless {
        Err(format!("{what} names no job"))
    } else if let Some((what, other)) = other {
        let (job, other) = (job.unwrap_or_default(), other.unwrap_or_default());
        Err(format!("{first} is of the job {job}, {what} of {other}"))
    } else {
        Ok(())
    };
    if report.made(name, compared, result) {
        report.job = job.map(str::to_owned);
    }
}

impl Report {
    /// Adds the check `job-expected`: the proof is of the job that was asked for.
    pub fn expect_job(&mut self, expected: &str) {
        let name = "job-expected";
        let compared = format!("the job of the proof with the one asked for, {expected}");
        let Some(job) = &self.job else {
            return self.skipped(
                name,
                compared,
                "it is not verified which job the proof is of",
            );
        };
        let result = if job == expected {
            Ok(())
        } else {
            Err(format!("the proof is of the job {job}"))
        };
        self.made(name, compared, result);
    }
}
