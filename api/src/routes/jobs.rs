mod reproductions;

use actix_web::{
    HttpRequest, HttpResponse,
    http::StatusCode,
    web::{Data, Path},
};
use assay_attest::Digest;
use assay_platform::{
    db::{Cancelled, JobFilter},
    ids::{JobId, UniqueDir},
    job::{Artifact, Class, Failure, Job, Priority, Role, Status, Timings},
    scan::ImageSeen,
};
use assay_protocol::{EpochReport, JobRequest};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{fresh, job_id, query};
use crate::{problem::Problem, service::Service};
use reproductions::ReproductionView;

/// Jobs of a page, unless asked otherwise.
const PAGE: u32 = 50;
/// Jobs of a page at most.
const LARGEST_PAGE: u32 = 200;

/// A job, all of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// The folder of its artifacts.
    #[schema(value_type = uuid::Uuid)]
    unique_dir: UniqueDir,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    status: Status,
    /// What was asked: framework, metadata, parameters.
    #[schema(value_type = Object)]
    request: JobRequest,
    /// What it needs of the machine that runs it: `cpu` or `gpu`.
    #[schema(value_type = String)]
    class: Class,
    /// Where it stands in line: `low`, `normal` or `high`.
    #[schema(value_type = String)]
    priority: Priority,
    /// Why it is queued and may not run yet; null when nothing speaks against it.
    held: Option<String>,
    /// When it may run again, if not at once: after the platform failed it, or when a hold is looked at anew.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<OffsetDateTime>,
    /// The job whose training it repeats as a witness; null for a training of its own.
    #[schema(value_type = Option<uuid::Uuid>)]
    reproduces: Option<JobId>,
    /// Attempts so far.
    attempt: u32,
    /// Who works on it, or did last.
    worker: Option<String>,
    /// Whether somebody asked to stop it while it ran.
    cancel_requested: bool,
    /// The epoch of the checkpoint from which the current or last attempt went on.
    resumed_from: Option<u32>,
    /// The last epoch that ended.
    #[schema(value_type = Option<Object>)]
    progress: Option<EpochReport>,
    /// Why it failed: `code`, `field`, `message`, `detail`.
    #[schema(value_type = Option<Object>)]
    failure: Option<Failure>,
    /// When it was queued (RFC 3339).
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    submitted_at: OffsetDateTime,
    /// When its last attempt began.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<OffsetDateTime>,
    /// Milliseconds that the parts of the last attempt took: `fetch_ms`, `train_ms`, `proof_ms`.
    #[schema(value_type = Option<Object>)]
    timings: Option<Timings>,
}

/// A page of jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobPage {
    /// The jobs.
    jobs: Vec<JobView>,
    /// The value of `before` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    next: Option<JobId>,
}

/// A job with its artifacts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeJob {
    #[serde(flatten)]
    job: JobView,
    /// The image that its newest attempt trained in: `image`, `image_digest`, and what the newest scan of it `found`
    /// (counts, ids, when, with which database) or why that is `unknown`.
    #[schema(value_type = Object)]
    image_scan: ImageView,
    /// The newest checkpoint that the next attempt can go on from; none once the job has ended.
    checkpoint: Option<CheckpointView>,
    /// The jobs that train it again, the newest first, at most 100.
    reproductions: Vec<ReproductionView>,
    /// Its artifacts.
    artifacts: Vec<ArtifactView>,
}

/// What is known of the image that a job trained in.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ImageView {
    /// What an attempt saw.
    Seen(Box<ImageSeen>),
    /// Nothing.
    Unknown {
        /// Why not.
        unknown: &'static str,
    },
}

/// A training in the middle, kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckpointView {
    /// The last epoch that is in it.
    epoch: u32,
    /// The attempt that wrote it.
    attempt: u32,
    /// Its size.
    bytes: u64,
}

/// An artifact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArtifactView {
    /// Its path, as the links name it.
    path: String,
    /// What it is to the job, as `model`, `output`, `training_link`.
    #[schema(value_type = String)]
    role: Role,
    /// Its digest, in hexadecimal digits.
    #[schema(value_type = String)]
    sha256: Digest,
    /// Its size.
    bytes: u64,
    /// A path and query of this service that give its bytes for one hour.
    url: String,
}

/// What came of a wish to cancel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// The job's id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// `cancelled`, or `running` until its worker has stopped it.
    status: &'static str,
    /// Whether its worker has still to stop it.
    cancel_requested: bool,
}

/// Jobs, newest first.
#[utoipa::path(
    get, path = "/jobs", tag = "jobs",
    params(
        ("status" = Option<Vec<String>>, Query, description = "Only these statuses; may be repeated or separated by commas"),
        ("model_name" = Option<String>, Query, description = "Only jobs whose model_name contains this"),
        ("before" = Option<String>, Query, description = "Only jobs older than the one of this id"),
        ("limit" = Option<u32>, Query, description = "Jobs of a page, 1 to 200; 50 if absent"),
    ),
    responses(
        (status = 200, description = "A page", body = JobPage),
        (status = 400, description = "The query is not understood"),
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let mut filter = filter(&request)?;
    let limit = filter.limit;
    // One more than is shown tells whether there is a next page.
    filter.limit += 1;
    let mut jobs = service.platform.db.jobs(&filter).await?;
    let more = jobs.len() > limit as usize;
    jobs.truncate(limit as usize);
    let next = jobs.last().filter(|_| more).map(|job| job.id);
    let jobs = jobs.into_iter().map(view).collect();
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(JobPage { jobs, next }))
}

/// A job: the whole truth.
#[utoipa::path(
    get, path = "/jobs/{job_id}", tag = "jobs",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = WholeJob),
        (status = 404, description = "There is no such job"),
    )
)]
pub(crate) async fn job(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = job_id(&path)?;
    let db = &service.platform.db;
    let job = db.job(id).await?.ok_or_else(|| Problem::no_job(&path))?;
    let artifacts = db.artifacts(id).await?;
    let checkpoint = if job.status.is_terminal() {
        None
    } else {
        db.checkpoint(id).await?
    };
    let mut views = Vec::with_capacity(artifacts.len());
    for artifact in artifacts {
        views.push(shown(&service, artifact).await?);
    }
    let image_scan = match db.image_seen(id).await? {
        Some(seen) => ImageView::Seen(Box::new(seen)),
        None if job.attempt == 0 => ImageView::Unknown {
            unknown: "no worker has taken the job yet",
        },
        None => ImageView::Unknown {
            unknown: "no image: the worker trains without containers",
        },
    };
    let reproductions = reproductions::of(&service, id).await?;
    Ok(HttpResponse::Ok().insert_header(fresh()).json(WholeJob {
        reproductions,
        job: view(job),
        image_scan,
        checkpoint: checkpoint.map(|one| CheckpointView {
            epoch: one.epoch,
            attempt: one.attempt,
            bytes: one.bytes,
        }),
        artifacts: views,
    }))
}

/// Stop a job.
#[utoipa::path(
    delete, path = "/jobs/{job_id}", tag = "jobs",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "It had not started and is cancelled", body = CancelAnswer),
        (status = 202, description = "Its worker will stop it", body = CancelAnswer),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "It has already ended"),
    )
)]
pub(crate) async fn cancel(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = job_id(&path)?;
    let outcome = service.platform.db.cancel(id).await?;
    tracing::info!(job.id = %id, ?outcome, "somebody asked to cancel job {id}");
    let (mut response, status, cancel_requested) = match outcome {
        Cancelled::AtOnce => (HttpResponse::Ok(), Status::Cancelled, false),
        Cancelled::Requested => (HttpResponse::Accepted(), Status::Running, true),
        Cancelled::NoSuchJob => return Err(Problem::no_job(&path)),
        Cancelled::AlreadyEnded(status) => {
            let detail = format!("the job is {} already", status.as_str());
            let code = "job.already_ended";
            return Err(Problem::new(StatusCode::CONFLICT, code, detail));
        }
    };
    Ok(response.insert_header(fresh()).json(CancelAnswer {
        job_id: id,
        status: status.as_str(),
        cancel_requested,
    }))
}

fn filter(request: &HttpRequest) -> Result<JobFilter, Problem> {
    let mut filter = JobFilter {
        limit: PAGE,
        ..JobFilter::default()
    };
    let wrong = |field: &'static str, rule: &str| {
        Problem::bad_request("query.value", format!("{field} must be {rule}")).field(field)
    };
    for (key, value) in query(
        request,
        &["status", "model_name", "before", "limit"],
        &["status"],
    )? {
        match key.as_str() {
            "status" => {
                for word in value.split(',') {
                    let rule = "queued, running, completed, failed or cancelled";
                    let status = Status::parse(word).ok_or_else(|| wrong("status", rule))?;
                    filter.statuses.push(status);
                }
            }
            "model_name" => filter.model_name = Some(value),
            "before" => {
                let id = value
                    .parse()
                    .map_err(|_| wrong("before", "the id of a job"))?;
                filter.before = Some(id);
            }
            _ => {
                let limit = value.parse().ok();
                filter.limit = limit
                    .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
                    .ok_or_else(|| wrong("limit", "a number from 1 to 200"))?;
            }
        }
    }
    Ok(filter)
}

fn view(job: Job) -> JobView {
    JobView {
        job_id: job.id,
        unique_dir: job.unique_dir,
        status: job.status,
        request: job.request,
        class: job.class,
        priority: job.priority,
        held: job.held,
        not_before: job.not_before,
        reproduces: job.reproduces,
        attempt: job.attempt,
        worker: job.worker,
        cancel_requested: job.cancel_requested,
        resumed_from: job.resumed_from,
        progress: job.progress,
        failure: job.failure,
        submitted_at: job.times.submitted_at,
        started_at: job.times.started_at,
        finished_at: job.times.finished_at,
        timings: job.timings,
    }
}

async fn shown(service: &Service, artifact: Artifact) -> Result<ArtifactView, Problem> {
    let platform = &service.platform;
    let ttl = platform.config.download_ttl;
    let url = platform
        .store
        .signed_url(artifact.digest, artifact.name(), ttl)
        .await?;
    Ok(ArtifactView {
        path: artifact.path,
        role: artifact.role,
        sha256: artifact.digest,
        bytes: artifact.bytes,
        url,
    })
}
