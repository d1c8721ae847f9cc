use assay_attest::{
    ArtifactPath, INGEST, SignerError, ingest_command,
    intoto::{Link, link_file_name, sign},
    json::jcs,
};
use assay_platform::{
    Platform,
    db::DbError,
    ids::{JobId, UniqueDir},
    job::{Artifact, NewJob, Role},
    keys::KeyError,
    queue::Doorbell,
    sandbox::Isolation,
    store::Stored,
    telemetry::metrics::JOBS_SUBMITTED,
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{problem::Problem, staged::Staged, submission::Submission};

/// Stores the request beside the files and names all four inputs by their paths in the job's folder.
pub(crate) async fn inputs(
    submission: &Submission,
    unique_dir: UniqueDir,
    staged: &mut Staged,
) -> Result<Vec<Artifact>, Problem> {
    let request = serde_json::to_value(&submission.request)
        .map_err(|error| Problem::internal("service.parameters", error))?;
    let parameters = staged.put(jcs(&request)).await?;
    let dir = unique_dir.to_string();
    let files = submission
        .files
        .iter()
        .map(|file| (file.role, file.name.as_str(), file.stored));
    files
        .chain([(Role::Parameters, "parameters.json", parameters)])
        .map(|(role, name, stored)| input(&dir, role, name, stored))
        .collect()
}

fn input(dir: &str, role: Role, name: &str, stored: Stored) -> Result<Artifact, Problem> {
    let kind = role.kind().ok_or_else(|| {
        let cause = format!("{} is no input of a job", role.as_str());
        Problem::internal("service.inputs", cause)
    })?;
    let path = kind
        .path(dir, name)
        .map_err(|error| Problem::unprocessable("upload.file_name", error.to_string()))?;
    // A name that could be taken for another place would be found out by every verifier; better now.
    ArtifactPath::parse(&path)
        .map_err(|error| Problem::unprocessable("upload.file_name", error.to_string()))?;
    Ok(Artifact {
        path,
        role,
        digest: stored.digest,
        bytes: stored.bytes,
    })
}

/// Signs and stores the `ingest` link, and stores the layout in force; gives both as artifacts.
pub(crate) async fn proof(
    platform: &Platform,
    id: JobId,
    unique_dir: UniqueDir,
    inputs: &[Artifact],
    isolation: &Isolation,
    staged: &mut Staged,
) -> Result<Vec<Artifact>, Problem> {
    let keys = &platform.keys;
    let key = keys.api()?.clone();
    let layout = keys.layout_for(platform.config.scan.required)?;
    let name = link_file_name(INGEST, &key.keyid());
    let link = ingest_link(id, inputs, isolation);
    let link = keys.signing(move || sign(&link, &key)).await?;
    let link = link.map_err(|error| match SignerError::of(&error) {
        Some(trouble) => KeyError::from(trouble.clone()).into(),
        None => Problem::internal("service.ingest_link", error),
    })?;
    let mut artifacts = Vec::with_capacity(2);
    for (role, name, bytes) in [
        (Role::IngestLink, name, link),
        (Role::Layout, "layout.json".to_owned(), layout.to_vec()),
    ] {
        let stored = staged.put_proof(bytes).await?;
        artifacts.push(Artifact {
            path: format!("{unique_dir}/{name}"),
            role,
            digest: stored.digest,
            bytes: stored.bytes,
        });
    }
    Ok(artifacts)
}

fn ingest_link(id: JobId, inputs: &[Artifact], isolation: &Isolation) -> Link {
    let mut link = Link::new(INGEST, ingest_command());
    link.products = inputs
        .iter()
        .map(|input| (input.path.clone(), input.digest))
        .collect();
    let bytes: Map<_, _> = inputs
        .iter()
        .map(|input| (input.path.clone(), json!(input.bytes)))
        .collect();
    link.byproducts = object(json!({ "return-value": 0, "check": "passed", "bytes": bytes }));
    let held: Map<_, _> = isolation
        .held
        .iter()
        .map(|one| (one.mechanism.to_string(), json!(one.detail)))
        .collect();
    let missing: Map<_, _> = isolation
        .missing
        .iter()
        .map(|one| (one.mechanism.to_string(), json!(one.reason)))
        .collect();
    link.environment = object(json!({
        "job": { "id": id.to_string(), "received-at": now_text() },
        "service": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "check-isolation": { "sandbox": isolation.sandbox, "held": held, "missing": missing },
    }));
    link
}

fn now_text() -> Value {
    match OffsetDateTime::now_utc().format(&Rfc3339) {
        Ok(text) => json!(text),
        Err(error) => json!({ "unknown": error.to_string() }),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Whether a job is there although its commit got no answer.
async fn is_there(platform: &Platform, id: JobId, error: &DbError) -> bool {
    matches!(error, DbError::CommitUnknown) && matches!(platform.db.job(id).await, Ok(Some(_)))
}

/// Writes the job with all that names its objects, then rings its doorbell.
///
/// This runs to its end even when the client is gone: a job is there with everything, or not at all.
pub(crate) async fn commit(platform: Platform, job: NewJob, staged: Staged) -> Result<(), Problem> {
    let id = job.id;
    let bell = Doorbell {
        job: id,
        class: job.class,
        priority: job.priority,
        traceparent: job.traceparent.clone(),
    };
    if let Err(error) = platform.naming(|| platform.db.insert_job(&job)).await
        && !is_there(&platform, id, &error).await
    {
        staged.release().await;
        return Err(error.into());
    }
    staged.keep();
    metrics::counter!(JOBS_SUBMITTED).increment(1);
    // The doorbell is written down beside the job, and the upkeep hears of it. Within one process it is rung here, which
    // is a little sooner.
    if !platform.queue.is_shared()
        && let Err(error) = platform.queue.ring(&bell).await
    {
        tracing::warn!(job = %id, %error, "the doorbell of job {id} did not ring");
    }
    Ok(())
}
