//! The layout of a job: read and verified once an attempt.

use assay_attest::intoto::{Layout, Signed};
use assay_platform::{
    Platform,
    job::{Artifact, Role},
};

use crate::stop::Stop;

/// Bytes of a link, a layout or the request at most; the service writes far smaller ones.
pub(crate) const MAX_METADATA_BYTES: u64 = 4 << 20;

/// The layout among a job's artifacts, which the owner must have signed.
pub(crate) async fn layout_of(platform: &Platform, artifacts: &[Artifact]) -> Result<Layout, Stop> {
    let artifact = only(artifacts, Role::Layout)?;
    let bytes = platform
        .store
        .read(artifact.digest, MAX_METADATA_BYTES)
        .await?;
    let signed = Signed::<Layout>::parse(&bytes)
        .map_err(|error| changed(format!("the layout of the job: {error}")))?;
    let trust = platform.keys.trust();
    trust
        .check_key(signed.keyid(), None)
        .map_err(|refusal| changed(format!("the layout of the job: {refusal}")))?;
    signed
        .verify(trust.owner_of(signed.keyid()))
        .cloned()
        .map_err(|error| changed(format!("the layout of the job: {error}")))
}

/// The one artifact of a role.
pub(crate) fn only(artifacts: &[Artifact], role: Role) -> Result<&Artifact, Stop> {
    let mut of_role = artifacts.iter().filter(|one| one.role == role);
    match (of_role.next(), of_role.next()) {
        (Some(artifact), None) => Ok(artifact),
        (None, _) => Err(changed(format!("the job has no {role:?} artifact"))),
        (Some(_), Some(_)) => Err(changed(format!("the job has several {role:?} artifacts"))),
    }
}

/// The one artifact of a role that a job need not have.
pub(crate) fn optional(artifacts: &[Artifact], role: Role) -> Result<Option<&Artifact>, Stop> {
    if artifacts.iter().any(|one| one.role == role) {
        only(artifacts, role).map(Some)
    } else {
        Ok(None)
    }
}

/// Something is not what it was when the job was taken in. Nobody can mend that by trying again.
pub(crate) fn changed(message: impl Into<String>) -> Stop {
    Stop::ours("platform.artifact_changed", message)
}
