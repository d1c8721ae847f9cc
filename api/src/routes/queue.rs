use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web::Data};
use assay_platform::{
    ids::JobId,
    job::{Class, Priority},
    queue::{DeadLetter, QueueError},
    upkeep::{Redriven, redrive as redrive_letters},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{fresh, query};
use crate::{problem::Problem, service::Service};

/// Dead letters that are shown, or driven back, at a time.
const LETTERS: usize = 1000;
/// When to ask again while the broker cannot be reached.
const AGAIN_SECONDS: u32 = 5;

/// How jobs get to workers, and how many wait.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// `rabbitmq`, or `in_process` for a service that is API and worker in one.
    kind: &'static str,
    /// `ok`, or why the broker cannot be reached.
    state: String,
    /// Doorbells that should have rung and have not: they wait in the database, for the broker as a rule.
    overdue: u64,
    /// Doorbells that wait for a worker; absent while the broker cannot be reached. A job may have more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Vec<Waiting>>,
}

/// Doorbells that wait for a worker.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// `cpu` or `gpu`.
    #[schema(value_type = String)]
    class: Class,
    /// `low`, `normal` or `high`.
    #[schema(value_type = String)]
    priority: Priority,
    /// How many.
    waiting: u64,
}

/// Messages that could not be delivered, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    /// At most 1000.
    letters: Vec<Letter>,
}

/// A message that could not be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Letter {
    /// The job that it names; absent when it is no doorbell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<uuid::Uuid>)]
    job_id: Option<JobId>,
    /// Why the broker put it aside: `rejected` (no doorbell), `delivery_limit` (came back too often); or `unknown`.
    reason: String,
    /// The queue that it was in; or `unknown`.
    queue: String,
    /// The beginning of what it holds.
    text: String,
}

/// What became of dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveAnswer {
    /// Doorbells of jobs that still wait; they rang again.
    rung: usize,
    /// Doorbells of jobs that run or have ended, or that there are not; taken away.
    not_needed: usize,
    /// Messages that are no doorbells, taken away because `drop` was asked for.
    dropped: usize,
    /// What is still there.
    kept: usize,
}

/// How jobs get to workers, and how many wait.
#[utoipa::path(
    get, path = "/queue", tag = "workers",
    responses((status = 200, description = "The queue", body = QueueView))
)]
pub(crate) async fn show(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let platform = &service.platform;
    let kind = if platform.queue.is_shared() {
        "rabbitmq"
    } else {
        "in_process"
    };
    let waiting = platform.queue.depths().await.ok().map(|depths| {
        let waiting = depths.into_iter().map(|depth| Waiting {
            class: depth.class,
            priority: depth.priority,
            waiting: depth.waiting,
        });
        waiting.collect()
    });
    let overdue = platform.db.overdue().await?;
    Ok(HttpResponse::Ok().insert_header(fresh()).json(QueueView {
        kind,
        state: platform.queue.state().borrow().to_string(),
        overdue,
        waiting,
    }))
}

/// Messages that could not be delivered.
#[utoipa::path(
    get, path = "/queue/dead", tag = "workers",
    responses(
        (status = 200, description = "The oldest of them", body = DeadLetters),
        (status = 503, description = "The broker cannot be reached"),
    )
)]
pub(crate) async fn dead(service: Data<Service>) -> Result<HttpResponse, Problem> {
    let letters = service.platform.queue.dead(LETTERS).await;
    let letters = letters.map_err(unavailable)?.into_iter().map(shown);
    Ok(HttpResponse::Ok().insert_header(fresh()).json(DeadLetters {
        letters: letters.collect(),
    }))
}

/// Ring again for jobs whose doorbells could not be delivered.
#[utoipa::path(
    post, path = "/queue/redrive", tag = "workers",
    params(("drop" = Option<bool>, Query, description = "Take away what is no doorbell, too; false if absent")),
    responses(
        (status = 200, description = "What became of them", body = RedriveAnswer),
        (status = 400, description = "The query is not understood"),
        (status = 503, description = "The broker cannot be reached"),
    )
)]
pub(crate) async fn redrive(
    request: HttpRequest,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let mut drop = false;
    for (_, value) in query(&request, &["drop"], &[])? {
        drop = value.parse().map_err(|_| {
            Problem::bad_request("query.value", "drop must be true or false").field("drop")
        })?;
    }
    let Redriven {
        rung,
        not_needed,
        dropped,
        kept,
    } = redrive_letters(&service.platform, LETTERS, drop)
        .await
        .map_err(unavailable)?;
    tracing::info!(
        rung,
        not_needed,
        dropped,
        kept,
        "dead letters were driven back"
    );
    Ok(HttpResponse::Ok()
        .insert_header(fresh())
        .json(RedriveAnswer {
            rung,
            not_needed,
            dropped,
            kept,
        }))
}

fn shown(letter: DeadLetter) -> Letter {
    Letter {
        job_id: letter.job,
        reason: letter.reason,
        queue: letter.queue,
        text: letter.text,
    }
}

fn unavailable(error: QueueError) -> Problem {
    let detail = "the broker cannot be reached; jobs are taken in all the same, and their doorbells wait in the database";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "queue.unavailable", detail)
        .because(error)
        .retry_after(AGAIN_SECONDS)
}
