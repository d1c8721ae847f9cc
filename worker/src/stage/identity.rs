use assay_attest::{ArtifactPath, intoto::Link, verify::link_job};

use crate::{layout::changed, source::Source, stop::Stop};

/// Checks that the `ingest` link is of the very job that was claimed or is to be reproduced, and that everything that the job names lies in the
/// job's own folder.
///
/// The rows of the database say which link belongs to which job, and rows can be moved without any key. A worker that
/// believed them would sign one job's training with another one's inputs.
pub(super) fn check_identity(source: &Source<'_>, link: &Link) -> Result<(), Stop> {
    let (job, dir) = (source.job.id.to_string(), source.job.unique_dir.to_string());
    match link_job(link) {
        Some(named) if named == job => {}
        Some(named) => {
            return Err(changed(format!(
                "the ingest link is of the job {named}, not of {job}"
            )));
        }
        None => return Err(changed("the ingest link names no job")),
    }
    for artifact in source.artifacts.iter() {
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
