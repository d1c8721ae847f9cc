use assay_platform::{
    ids::JobId,
    job::{Failure, Job, Role, Status},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ArtifactView, shown};
use crate::{problem::Problem, service::Service};

/// A job that trains again what this one trained.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReproductionView {
    /// Its id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    status: Status,
    /// Who works on it, or did last.
    worker: Option<String>,
    /// `identical` once it is completed, `different` when it failed because something differs; null while that is not known.
    verdict: Option<&'static str>,
    /// Why it failed: `code`, `field`, `message`, `detail`.
    #[schema(value_type = Option<Object>)]
    failure: Option<Failure>,
    /// The witness's link, signed by that worker.
    witness: Option<ArtifactView>,
}

/// The jobs that reproduce this one, the newest first.
pub(super) async fn of(service: &Service, id: JobId) -> Result<Vec<ReproductionView>, Problem> {
    let db = &service.platform.db;
    let mut views = Vec::new();
    for job in db.reproductions(id).await? {
        let mut witness = None;
        if job.status == Status::Completed {
            let artifacts = db.artifacts(job.id).await?;
            let mut links = artifacts
                .into_iter()
                .filter(|one| one.role == Role::WitnessLink);
            if let Some(link) = links.next() {
                witness = Some(shown(service, link).await?);
            }
        }
        views.push(ReproductionView {
            verdict: verdict(&job),
            job_id: job.id,
            status: job.status,
            worker: job.worker,
            failure: job.failure,
            witness,
        });
    }
    Ok(views)
}

fn verdict(job: &Job) -> Option<&'static str> {
    let differs = |failure: &Failure| failure.fault.code == "reproduction.differs";
    match job.status {
        Status::Completed => Some("identical"),
        Status::Failed if job.failure.as_ref().is_some_and(differs) => Some("different"),
        _ => None,
    }
}
