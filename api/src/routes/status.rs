use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Path},
};
use assay_platform::{
    db::StatusRow,
    ids::{JobId, UniqueDir},
    job::Status,
};
use assay_protocol::EpochReport;
use serde::Serialize;
use utoipa::ToSchema;

use super::{fresh, job_id};
use crate::{problem::Problem, service::Service};

/// Where a job stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobStatus<'a> {
    /// The job's id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// `queued`, `running`, `completed`, `failed` or `cancelled`.
    status: &'static str,
    /// What is known of its course.
    result: JobResult<'a>,
}

/// What is known of a job's course; what does not apply is left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobResult<'a> {
    /// The status as a sentence, as `training job completed`.
    training_status: &'static str,
    /// The folder of the job's artifacts.
    #[schema(value_type = uuid::Uuid)]
    unique_dir: UniqueDir,
    /// The job's id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// That it went well (completed jobs).
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// Names of the outputs and the proof (completed jobs).
    #[serde(skip_serializing_if = "Option::is_none")]
    output_artifacts: Option<&'a [String]>,
    /// The last epoch that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    progress: Option<&'a EpochReport>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// The stable code of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    /// The form field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
}

/// Where a job stands.
#[utoipa::path(
    get, path = "/job_status/{job_id}", tag = "jobs",
    params(("job_id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job's status", body = JobStatus<'_>),
        (status = 404, description = "There is no such job"),
    )
)]
pub(crate) async fn job_status(
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = job_id(&path)?;
    let row = service.platform.db.status(id).await?;
    let row = row.ok_or_else(|| Problem::no_job(&path))?;
    let mut body = Vec::with_capacity(768);
    serde_json::to_writer(&mut body, &answer(id, &row))
        .map_err(|error| Problem::internal("service.answer", error))?;
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(body))
}

fn answer(id: JobId, row: &StatusRow) -> JobStatus<'_> {
    let completed = row.status == Status::Completed;
    let fault = row.failure.as_ref().map(|failure| &failure.fault);
    let result = JobResult {
        training_status: match row.status {
            Status::Queued => "training job queued",
            Status::Running => "training job running",
            Status::Completed => "training job completed",
            Status::Failed => "training job failed",
            Status::Cancelled => "training job cancelled",
        },
        unique_dir: row.unique_dir,
        job_id: id,
        message: completed.then_some("Training completed successfully and AIBoM generated."),
        output_artifacts: completed.then_some(row.outputs.as_slice()),
        // A completed job's last epoch is in its metrics; its status is as short as it always was.
        progress: row.progress.as_ref().filter(|_| !completed),
        error: fault.map(|fault| fault.message.as_str()),
        code: fault.map(|fault| fault.code.as_ref()),
        field: fault.and_then(|fault| fault.field.as_deref()),
    };
    JobStatus {
        job_id: id,
        status: row.status.as_str(),
        result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_platform::job::Failure;
    use assay_protocol::Fault;
    use serde_json::json;

    fn row(status: Status) -> StatusRow {
        StatusRow {
            status,
            unique_dir: UniqueDir::new(),
            progress: None,
            failure: None,
            outputs: Vec::new(),
        }
    }

    #[test]
    fn a_completed_job_is_told_as_ever() {
        let id = JobId::new();
        let mut row = row(Status::Completed);
        row.outputs = [
            "trained_model.keras",
            "metrics.json",
            "logs.txt",
            "aibom.json",
            "aibom.sig",
        ]
        .map(str::to_owned)
        .into();
        assert_eq!(
            serde_json::to_value(answer(id, &row)).unwrap(),
            json!({
                "job_id": id, "status": "completed",
                "result": {
                    "training_status": "training job completed",
                    "unique_dir": row.unique_dir, "job_id": id,
                    "message": "Training completed successfully and AIBoM generated.",
                    "output_artifacts": ["trained_model.keras", "metrics.json", "logs.txt", "aibom.json", "aibom.sig"]
                }
            })
        );
    }

    #[test]
    fn defect_02_a_failed_job_is_failed() {
        let mut row = row(Status::Failed);
        row.failure = Some(Failure {
            fault: Fault::dataset("dataset.empty", "the table has no rows"),
            detail: None,
        });
        let told = serde_json::to_value(answer(JobId::new(), &row)).unwrap();
        assert_eq!(told["status"], "failed");
        assert_eq!(told["result"]["training_status"], "training job failed");
        assert_eq!(told["result"]["error"], "the table has no rows");
        assert_eq!(told["result"]["code"], "dataset.empty");
        assert!(told["result"].get("output_artifacts").is_none());
    }
}
