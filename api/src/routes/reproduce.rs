use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path},
};
use assay_attest::{
    KeyId, RUN_TRAINING, RecordedTranscript, WITNESS,
    intoto::{Layout, Link, Signed, check_signer, link_file_name},
};
use assay_platform::{
    ids::{JobId, UniqueDir},
    job::{Artifact, Job, NewReproduction, Role, Status},
    telemetry,
};
use serde::Serialize;
use time::OffsetDateTime;
use tracing::Span;
use utoipa::ToSchema;

use super::{fresh, job_id};
use crate::{problem::Problem, service::Service, trace::caller};

/// Bytes of a stored link or layout at most.
const PROOF_BYTES: u64 = 4 << 20;

/// The job that reproduces another one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReproduceAnswer {
    /// Its id: a new job's, or that of the one that is under way.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// The job that it reproduces.
    #[schema(value_type = uuid::Uuid)]
    reproduces: JobId,
    /// Whether it was queued by this request.
    new: bool,
}

/// Have a completed job trained again by a worker with another key, who signs as a witness if the same comes out.
#[utoipa::path(
    post, path = "/jobs/{job_id}/reproduce", tag = "jobs",
    params(("job_id" = String, Path, description = "The completed job's id")),
    responses(
        (status = 202, description = "The job that does it; its address is in `Location`. While one is under way, that one", body = ReproduceAnswer),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It cannot be reproduced: `job.not_completed`, `reproduction.of_a_reproduction`, `reproduction.no_transcript`, `reproduction.not_repeatable` (trained on a graphics processor), `reproduction.no_other_worker`"),
    )
)]
pub(crate) async fn reproduce(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = job_id(&path)?;
    let db = &service.platform.db;
    let job = db.job(of).await?.ok_or_else(|| Problem::no_job(&path))?;
    let other_than = not_for(&service, &job).await?;
    let new = NewReproduction {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        of,
        other_than,
        traceparent: telemetry::traceparent(&Span::current(), caller(request.headers())),
        submitted_at: OffsetDateTime::now_utc(),
    };
    let made = db.reproduce(&new).await?;
    let made = made.ok_or_else(|| not_completed(&job))?;
    tracing::info!(job.id = %made.job, new = made.new, "job {of} is to be reproduced");
    Ok(HttpResponse::Accepted()
        .insert_header(fresh())
        .insert_header((header::LOCATION, format!("/jobs/{}", made.job)))
        .json(ReproduceAnswer {
            job_id: made.job,
            reproduces: of,
            new: made.new,
        }))
}

/// The keys of workers that may not reproduce this job; refuses one that cannot be reproduced.
async fn not_for(service: &Service, job: &Job) -> Result<Vec<KeyId>, Problem> {
    if job.reproduces.is_some() {
        let detail = "this job is a reproduction itself; ask for one of the job that it reproduces";
        return Err(conflict("reproduction.of_a_reproduction", detail));
    }
    if job.status != Status::Completed {
        return Err(not_completed(job));
    }
    let artifacts = service.platform.db.artifacts(job.id).await?;
    let layout = layout(service, &artifacts).await?;
    let trainer = trained(service, &artifacts, &layout).await?;
    let mut not_for = vec![trainer];
    let workers = layout
        .step(RUN_TRAINING)
        .map(|step| step.pubkeys.as_slice())
        .unwrap_or_default();
    let links = witness_links(service, job.id).await?;
    let vouched = |keyid: &&KeyId| links.contains(&link_file_name(WITNESS, keyid));
    not_for.extend(workers.iter().filter(vouched));
    let now = Some(OffsetDateTime::now_utc());
    let trust = service.platform.keys.trust();
    let free = |keyid: &&KeyId| !not_for.contains(keyid) && trust.check_key(**keyid, now).is_ok();
    if workers.iter().find(free).is_none() {
        let detail = if workers.len() < 2 {
            "the job's layout names one worker's key alone, the trainer's; make another with `assay keys add worker NAME`, run a \
             worker with it, and hand the job in again: its new layout names both"
        } else {
            "every worker's key that the job's layout names has trained or vouched for it already, is revoked, or is past its \
             window; more witnesses need more keys (`assay keys add worker NAME`) and a job that is handed in after that"
        };
        return Err(conflict("reproduction.no_other_worker", detail));
    }
    Ok(not_for)
}

/// The key of who trained, if the training can be repeated byte for byte.
async fn trained(
    service: &Service,
    artifacts: &[Artifact],
    layout: &Layout,
) -> Result<KeyId, Problem> {
    let bytes = read(service, artifacts, Role::TrainingLink).await?;
    let signed = Signed::<Link>::parse(&bytes).map_err(damaged)?;
    let link = check_signer(layout, &signed).map_err(damaged)?;
    let trainer = link.environment.get("trainer");
    let arithmetic = trainer.and_then(|trainer| trainer.get("arithmetic")?.as_str());
    let transcript = RecordedTranscript::of(link).map_err(damaged)?;
    let (Some(arithmetic), Some(_)) = (arithmetic, transcript) else {
        let detail = "the job's proof has no transcript of the weights to compare with: an older version made it; \
                      train the job again, or compare its end alone with `assay reproduce`";
        return Err(conflict("reproduction.no_transcript", detail));
    };
    if arithmetic.starts_with("cuda/") {
        let detail = "the job trained on a graphics processor, where sums have no fixed order: nobody can get the same bytes \
                      again; compare within a tolerance with `assay reproduce`, or train with device=cpu";
        return Err(conflict("reproduction.not_repeatable", detail));
    }
    Ok(signed.keyid())
}

/// The layout of the job, which the owner must have signed.
async fn layout(service: &Service, artifacts: &[Artifact]) -> Result<Layout, Problem> {
    let bytes = read(service, artifacts, Role::Layout).await?;
    let signed = Signed::<Layout>::parse(&bytes).map_err(damaged)?;
    let owner = service.platform.keys.trust().owner_of(signed.keyid());
    signed.verify(owner).cloned().map_err(damaged)
}

/// The names of the links of those who vouch for this job already.
async fn witness_links(service: &Service, of: JobId) -> Result<Vec<String>, Problem> {
    let db = &service.platform.db;
    let mut names = Vec::new();
    for job in db.reproductions(of).await? {
        if job.status == Status::Completed {
            let artifacts = db.artifacts(job.id).await?;
            let links = artifacts.iter().filter(|one| one.role == Role::WitnessLink);
            names.extend(links.map(|one| one.name().to_owned()));
        }
    }
    Ok(names)
}

async fn read(service: &Service, artifacts: &[Artifact], role: Role) -> Result<Vec<u8>, Problem> {
    let Some(artifact) = artifacts.iter().find(|one| one.role == role) else {
        return Err(damaged(format!("there is no {}", role.as_str())));
    };
    let store = &service.platform.store;
    Ok(store.read(artifact.digest, PROOF_BYTES).await?)
}

/// What the service keeps of the proof is not as it was written.
fn damaged(why: impl std::fmt::Display) -> Problem {
    Problem::internal("service.proof", why)
}

fn not_completed(job: &Job) -> Problem {
    let detail = format!(
        "the job is {}; only a completed job can be reproduced",
        job.status.as_str()
    );
    conflict("job.not_completed", detail)
}

fn conflict(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail)
}
