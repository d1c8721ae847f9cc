use assay_attest::{ArtifactPath, intoto::Link, verify::link_job};
use assay_platform::job::Claim;

use crate::{layout::changed, stop::Stop};

/// Checks that the `ingest` link is of the very job that was claimed, and that everything that the job names lies in the
/// job's own folder.
///
/// The rows of the database say which link belongs to which job, and rows can be moved without any key. A worker that
/// believed them would sign one job's training with another one's inputs.
pub(super) fn check_identity(claim: &Claim, link: &Link) -> Result<(), Stop> {
    let (job, dir) = (claim.job.id.to_string(), claim.job.unique_dir.to_string());
    match link_job(link) {
        Some(named) if named == job => {}
        Some(named) => {
            return Err(changed(format!(
                "the ingest link is of the job {named}, not of {job}"
            )));
        }
        None => return Err(changed("the ingest link names no job")),
    }
    for artifact in &claim.artifacts {
        let within = artifact
            .path
            .strip_prefix(&dir)
            .is_some_and(|rest| rest.starts_with('/'));
        if !within {
            return Err(changed(format!(
                "{} does not lie in the job's folder {dir}",
                artifact.path
            )));
        }
        if let Some(kind) = artifact.role.kind()
            && ArtifactPath::parse(&artifact.path)
                .ok()
                .map(|path| path.role)
                != Some(kind)
        {
            return Err(changed(format!(
                "{} is not where a job has its {}",
                artifact.path,
                artifact.role.as_str()
            )));
        }
    }
    Ok(())
}
