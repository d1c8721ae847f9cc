use actix_multipart::Multipart;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::Data,
};
use assay_platform::{
    ids::{JobId, UniqueDir},
    job::{Class, NewJob},
    telemetry,
};
use serde::Serialize;
use time::OffsetDateTime;
use tracing::{Instrument as _, Span};
use utoipa::ToSchema;

use super::fresh;
use crate::{
    form::Form,
    ingest,
    problem::Problem,
    service::Service,
    staged::Staged,
    submission::{Submission, read_submission},
    trace::{caller, part},
};

/// What a form may have beside its two large files: boundaries, heads, texts, the definition.
const BESIDE_FILES: u64 = 8 << 20;
/// Free bytes that an upload leaves for what the service writes besides.
const SPARE: u64 = 256 << 20;

/// A job was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The job's id.
    #[schema(value_type = uuid::Uuid)]
    job_id: JobId,
    /// `Training started`: the job is queued.
    #[schema(example = "Training started")]
    status: &'static str,
    /// The folder of the job's artifacts.
    #[schema(value_type = uuid::Uuid)]
    unique_dir: UniqueDir,
}

/// The form, for the documentation; [`read_submission`] is what reads it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a form that is read part by part")]
pub(crate) struct SubmitForm {
    /// A compiled Keras 3 model (`.keras`).
    #[schema(value_type = String, format = Binary)]
    model: (),
    /// CSV, zip of class folders with images, or TFRecord.
    #[schema(value_type = String, format = Binary)]
    dataset: (),
    /// What the data set holds (YAML).
    #[schema(value_type = String, format = Binary)]
    dataset_definition: (),
    /// An SBOM of your own (CycloneDX 1.2 to 1.7, JSON); its components stand nested in the AIBoM.
    #[schema(value_type = Option<String>, format = Binary)]
    sbom: (),
    /// `TensorFlow 2.16.1` or `candle`.
    framework: String,
    /// Before which other jobs it goes: `low`, `normal` or `high`.
    #[schema(default = "normal")]
    priority: Option<String>,
    /// The version of CycloneDX of the AIBoM: `1.6` or `1.7`.
    #[schema(default = "1.6")]
    aibom: Option<String>,
    /// Name of the model.
    model_name: Option<String>,
    /// Version of the model.
    model_version: Option<String>,
    /// Description of the model.
    model_description: Option<String>,
    /// Author of the model.
    author: Option<String>,
    /// Type of the model, as `Image Classification`.
    model_type: Option<String>,
    /// The model it is derived from.
    base_model: Option<String>,
    /// Where that model is from.
    base_model_source: Option<String>,
    /// What it is for, one a line.
    intended_use: Option<String>,
    /// What it is not for, one a line.
    out_of_scope: Option<String>,
    /// How it could be misused.
    misuse_or_malicious: Option<String>,
    /// Its licence, best as an SPDX identifier or expression.
    license_name: Option<String>,
    /// The organisation that made the model.
    manufacturer: Option<String>,
    /// The organisation that hands it out.
    supplier: Option<String>,
    /// For whom it is, one a line.
    intended_users: Option<String>,
    /// What is known not to work well, one a line.
    technical_limitations: Option<String>,
    /// Address of a model card written by people.
    #[schema(example = "https://example.org/card")]
    model_card_url: Option<String>,
    /// Name of the data set; its file's name when absent.
    dataset_name: Option<String>,
    /// Version of the data set.
    dataset_version: Option<String>,
    /// What the data set is.
    dataset_description: Option<String>,
    /// Licence of the data set, best as an SPDX identifier or expression.
    dataset_license: Option<String>,
    /// Where the data set is from: an address or words.
    dataset_source: Option<String>,
    /// What in the data set is sensitive, one a line; `none` where nothing is.
    dataset_sensitivity: Option<String>,
    /// Who owns the data, one a line.
    dataset_owner: Option<String>,
    /// Who looks after the data, one a line.
    dataset_steward: Option<String>,
    /// How the data were gathered and labelled.
    dataset_collection: Option<String>,
    /// The epoch to stop before.
    #[schema(default = 50, minimum = 1, maximum = 100_000)]
    epochs: Option<u32>,
    /// Fraction of the rows held out for validation.
    #[schema(default = 0.2, minimum = 0.0, exclusive_maximum = 1.0)]
    validation_split: Option<f64>,
    /// The epoch to start at.
    #[schema(default = 0)]
    initial_epoch: Option<u32>,
    /// Rows in a batch.
    #[schema(default = 32, minimum = 1)]
    batch_size: Option<u32>,
    /// Batches in an epoch; all when absent.
    #[schema(minimum = 1)]
    steps_per_epoch: Option<u32>,
    /// Batches of a validation; all when absent.
    #[schema(minimum = 1)]
    validation_steps: Option<u32>,
    /// Validate every so many epochs.
    #[schema(default = 1, minimum = 1)]
    validation_freq: Option<u32>,
    /// Seed of every random choice.
    #[schema(default = 0, maximum = 9_007_199_254_740_991_u64)]
    seed: Option<u64>,
    /// Where to train: `auto`, `cpu` or `cuda`. Only a worker with a GPU takes a job that asks for `cuda`.
    #[schema(default = "auto")]
    device: Option<String>,
}

/// Hand in a job: model, data set, definition, and how to train.
///
/// The parts of the form may come in any order. Before the job is queued the three files are checked against each
/// other in the sandbox; a refused request leaves nothing behind.
#[utoipa::path(
    post, path = "/submit_job_by_model_and_data", tag = "jobs",
    request_body(content = SubmitForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Accepted and queued", body = Accepted),
        (status = 400, description = "The body is not well-formed multipart/form-data"),
        (status = 408, description = "The body came in too slowly"),
        (status = 413, description = "A field is over its limit"),
        (status = 415, description = "The body is not multipart/form-data"),
        (status = 422, description = "A field is missing, repeated, unknown or out of range, or the files do not fit together"),
        (status = 503, description = "Too many are handing in jobs, or the sandbox is not available"),
        (status = 507, description = "The store is full"),
    )
)]
pub(crate) async fn submit(
    request: HttpRequest,
    service: Data<Service>,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let span = tracing::info_span!(
        "submit",
        job = tracing::field::Empty,
        trace = tracing::field::Empty
    );
    telemetry::name_trace(&span, caller(request.headers()));
    part(span, Box::pin(accept(&request, &service, multipart))).await
}

async fn accept(
    request: &HttpRequest,
    service: &Service,
    multipart: Multipart,
) -> Result<HttpResponse, Problem> {
    let platform = &service.platform;
    let mut staged = Staged::new(platform.clone());
    let reading = read(request, service, multipart, &mut staged);
    let submission = match part(tracing::debug_span!("receive"), reading).await {
        Ok(submission) => submission,
        Err(problem) => {
            staged.release().await;
            return Err(problem);
        }
    };
    // Ids sort by the time at which the upload was complete.
    let (id, unique_dir) = (JobId::new(), UniqueDir::new());
    Span::current().record("job", tracing::field::display(id));
    let artifacts = match artifacts(service, &submission, id, unique_dir, &mut staged).await {
        Ok(artifacts) => artifacts,
        Err(problem) => {
            staged.release().await;
            return Err(problem);
        }
    };
    let job = NewJob {
        id,
        unique_dir,
        class: Class::of(&submission.request),
        request: submission.request,
        priority: submission.priority,
        traceparent: telemetry::traceparent(&Span::current(), caller(request.headers())),
        submitted_at: OffsetDateTime::now_utc(),
        artifacts,
    };
    let commit = ingest::commit(platform.clone(), job, staged);
    let commit = part(tracing::debug_span!("commit"), commit);
    tokio::spawn(commit.in_current_span())
        .await
        .map_err(|error| Problem::internal("service.task", error))??;
    tracing::info!("job {id} is queued");
    Ok(HttpResponse::Ok().insert_header(fresh()).json(Accepted {
        job_id: id,
        status: "Training started",
        unique_dir,
    }))
}

/// Reads the form when it is this request's turn and its files have room.
async fn read(
    request: &HttpRequest,
    service: &Service,
    multipart: Multipart,
    staged: &mut Staged,
) -> Result<Submission, Problem> {
    let platform = &service.platform;
    let length = content_length(request);
    check_length(length, platform.config.upload_limit_bytes)?;
    let _place = service.uploads.take().await?;
    check_room(length, platform.store.free_bytes().await?)?;
    read_submission(&mut Form::new(multipart), platform, staged).await
}

/// Checks the inputs; gives them with link and layout.
async fn artifacts(
    service: &Service,
    submission: &Submission,
    id: JobId,
    unique_dir: UniqueDir,
    staged: &mut Staged,
) -> Result<Vec<assay_platform::job::Artifact>, Problem> {
    let platform = &service.platform;
    let mut artifacts = ingest::inputs(submission, unique_dir, staged).await?;
    let check = service.checks.check(platform, &artifacts);
    let isolation = part(tracing::debug_span!("check"), check).await?;
    let proof = ingest::proof(platform, id, unique_dir, &artifacts, &isolation, staged);
    let proof = part(tracing::debug_span!("sign"), proof).await?;
    artifacts.extend(proof);
    Ok(artifacts)
}

/// The length that a request says itself; 0 when it says none.
fn content_length(request: &HttpRequest) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

/// Refuses at once what the disk has no room for.
fn check_room(length: u64, free: u64) -> Result<(), Problem> {
    if length.saturating_add(SPARE) > free {
        let detail = "the store has no room for files of this size; try again when there is more";
        let problem = Problem::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "service.store_full",
            detail,
        );
        let needed = length.saturating_add(SPARE);
        return Err(problem.because(format_args!("{free} bytes are free, {needed} are needed")));
    }
    Ok(())
}

/// Refuses at once what says itself that it is too large.
fn check_length(length: u64, file_limit: u64) -> Result<(), Problem> {
    let limit = file_limit.saturating_mul(2).saturating_add(BESIDE_FILES);
    if length > limit {
        let detail = format!("the request has more than {limit} bytes, which is the limit");
        return Err(Problem::too_large("upload.too_large", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError as _;

    #[test]
    fn what_the_disk_has_no_room_for_is_refused() {
        assert!(check_room(1000, SPARE + 1000).is_ok());
        for (length, free) in [(1000, SPARE + 999), (0, SPARE - 1), (u64::MAX, 1 << 40)] {
            let problem = check_room(length, free).unwrap_err();
            assert_eq!(problem.status_code(), 507);
        }
    }
}
