mod identity;

use assay_attest::{
    Digest, INGEST, RUN_TRAINING,
    aibom::{MAX_SBOM_BYTES, SuppliedSbom, read_sbom},
    intoto::{Layout, Link, Signed, check_signer},
    json::{Limits, jcs, parse},
};
use assay_platform::{
    Platform,
    job::{Artifact, Claim, Class, Role},
    sandbox::{Occupant, Room},
};
use assay_protocol::{JobRequest, room};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    layout::{MAX_METADATA_BYTES, changed, only, optional},
    source::Source,
    stop::Stop,
};

/// A room with the inputs in it, each of them exactly what the `ingest` link says.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) room: Room,
    /// The inputs, with the digests measured on the way into the room.
    pub(crate) materials: Vec<Artifact>,
    /// The request as `parameters.json` has it: what the link binds, not what a database row says.
    pub(crate) request: JobRequest,
    /// The same as the JSON value whose canonical form the file is.
    pub(crate) request_json: Value,
    /// What the submitter's own SBOM names, where one was handed in.
    pub(crate) sbom: Option<SuppliedSbom>,
    /// The `ingest` link.
    pub(crate) ingest: Artifact,
}

/// Places the inputs of the job whose training this is in a new room, and checks each against the `ingest` link, and that link against the layout of the job.
pub(crate) async fn stage(
    platform: &Platform,
    claim: &Claim,
    source: &Source<'_>,
    layout: &Layout,
) -> Result<Staged, Stop> {
    let only = |role| only(&source.artifacts, role);
    let ingest = only(Role::IngestLink)?;
    let link = ingest_link(platform, layout, ingest).await?;
    identity::check_identity(source, &link)?;
    check_disk(platform).await?;
    let rooms = platform.rooms();
    let room = tokio::task::spawn_blocking(move || Room::create(&rooms))
        .await
        .map_err(|error| Stop::Infrastructure(error.to_string()))??
        .occupied_by(Occupant {
            job: claim.job.id,
            attempt: claim.attempt,
            gpu: claim.job.class == Class::Gpu,
        });
    let inputs = [
        (only(Role::Model)?, room::MODEL),
        (only(Role::Dataset)?, room::DATASET),
        (only(Role::DatasetDefinition)?, room::DEFINITION),
        (only(Role::Parameters)?, room::PARAMETERS),
    ];
    let own = optional(&source.artifacts, Role::Sbom)?;
    let count = inputs.len() + usize::from(own.is_some());
    if link.products.len() != count || !link.materials.is_empty() {
        return Err(changed(
            "the ingest link does not name exactly the inputs of the job",
        ));
    }
    let [model, dataset, definition, parameters] =
        inputs.map(|(artifact, name)| place(platform, &room, &link, artifact, name));
    let ((request, request_json), sbom, model, dataset, definition, parameters) = tokio::try_join!(
        request(platform, source),
        sbom(platform, &link, own),
        model,
        dataset,
        definition,
        parameters
    )?;
    let limits = serde_json::to_vec(&platform.config.data_limits)
        .map_err(|error| Stop::Infrastructure(error.to_string()))?;
    room.add_input_bytes(room::LIMITS, &limits)?;
    let mut materials = vec![model, dataset, definition, parameters];
    materials.extend(own.cloned());
    Ok(Staged {
        materials,
        sbom,
        request,
        request_json,
        ingest: ingest.clone(),
        room,
    })
}

/// Refuses to begin where a job could not end: a disk that fills up takes the other jobs with it.
pub(crate) async fn check_disk(platform: &Platform) -> Result<(), Stop> {
    let disk = platform.disk().await?;
    if disk.is_low() {
        return Err(Stop::Unavailable(disk.to_string()));
    }
    Ok(())
}

/// Reads the `ingest` link; it must be signed by a functionary that the job's layout names, and the layout must let this worker train.
async fn ingest_link(
    platform: &Platform,
    layout: &Layout,
    ingest: &Artifact,
) -> Result<Link, Stop> {
    let link = platform
        .store
        .read(ingest.digest, MAX_METADATA_BYTES)
        .await?;
    let worker = platform.keys.worker()?.keyid();
    let may_train = layout
        .step(RUN_TRAINING)
        .is_some_and(|step| step.pubkeys.contains(&worker));
    if !may_train {
        // Handed in before this worker's key was made, most likely.
        return Err(Stop::Held(format!(
            "the job was handed in under a layout that does not name the key {worker} of the worker that took it; it \
             waits for one that the layout names"
        )));
    }
    let link = Signed::<Link>::parse(&link)
        .map_err(|error| changed(format!("the ingest link: {error}")))?;
    let trust = platform.keys.trust();
    trust
        .check_key(link.keyid(), None)
        .map_err(|refusal| changed(format!("the ingest link: {refusal}")))?;
    let link = check_signer(layout, &link)
        .map_err(|error| changed(format!("the ingest link: {error}")))?;
    if link.name != INGEST {
        return Err(changed(format!(
            "the ingest link is of the step {:?}",
            link.name
        )));
    }
    Ok(link.clone())
}

/// Places one input in the room; the digest measured on the way must be the one that the link has for the path.
async fn place(
    platform: &Platform,
    room: &Room,
    link: &Link,
    artifact: &Artifact,
    name: &str,
) -> Result<Artifact, Stop> {
    let to = room.input().join(name);
    let stored = platform.store.fetch(artifact.digest, &to).await?;
    match link.products.get(&artifact.path) {
        Some(digest) if *digest == stored.digest => Ok(Artifact {
            digest: stored.digest,
            bytes: stored.bytes,
            ..artifact.clone()
        }),
        Some(digest) => Err(changed(format!(
            "{} has the digest {}, but the ingest link says {digest}",
            artifact.path, stored.digest
        ))),
        None => Err(changed(format!(
            "the ingest link does not name {}",
            artifact.path
        ))),
    }
}

/// Reads the submitter's SBOM; its bytes must be those that the link names. The trainer has no use for it, so it is not
/// placed in the room.
async fn sbom(
    platform: &Platform,
    link: &Link,
    artifact: Option<&Artifact>,
) -> Result<Option<SuppliedSbom>, Stop> {
    let Some(artifact) = artifact else {
        return Ok(None);
    };
    let most = MAX_SBOM_BYTES as u64;
    let bytes = platform.store.read(artifact.digest, most).await?;
    let digest = Digest::of(&bytes);
    if link.products.get(&artifact.path) != Some(&digest) || artifact.digest != digest {
        return Err(changed(format!(
            "{} is not what the ingest link says",
            artifact.path
        )));
    }
    let read = tokio::task::spawn_blocking(move || read_sbom(&bytes))
        .await
        .map_err(|error| Stop::Infrastructure(error.to_string()))?;
    read.map(Some)
        .map_err(|error| changed(format!("{}: {error}", artifact.path)))
}

/// The request as the link binds it, which must be the one that the database shows.
async fn request(platform: &Platform, source: &Source<'_>) -> Result<(JobRequest, Value), Stop> {
    let artifact = only(&source.artifacts, Role::Parameters)?;
    let bytes = platform
        .store
        .read(artifact.digest, MAX_METADATA_BYTES)
        .await?;
    let value = parse(&bytes, &Limits::METADATA)
        .map_err(|error| changed(format!("parameters.json: {error}")))?;
    let shown = serde_json::to_value(&source.job.request)
        .map_err(|error| Stop::Infrastructure(error.to_string()))?;
    if jcs(&shown) != bytes {
        return Err(changed(
            "parameters.json is not what the database says was asked for",
        ));
    }
    let request = JobRequest::deserialize(&value)
        .map_err(|error| changed(format!("parameters.json: {error}")))?;
    Ok((request, value))
}
