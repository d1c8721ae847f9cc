use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path},
};
use assay_platform::{
    db::DbError,
    ids::JobId,
    job::{JobEvent, LoggedEvent},
};
use assay_protocol::Event;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use super::{job_id, query};
use crate::{problem::Problem, service::Service};

/// Silence after which a comment is sent, so that no proxy takes the stream for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events read from the database at a time.
const BATCH: u32 = 256;

/// What happens to a job, from its beginning (or `Last-Event-ID`) until it ends, as server-sent events.
///
/// Events: `status`, `cancel_requested`, `started`, `resumed`, `epoch`, `checkpoint`, `log`, `done`, `failed`; their data is the entry of the job's event log.
#[utoipa::path(
    get, path = "/jobs/{job_id}/events", tag = "jobs",
    params(
        ("job_id" = String, Path, description = "The job's id"),
        ("follow" = Option<bool>, Query, description = "`false`: only what has happened so far; true if absent"),
        ("Last-Event-ID" = Option<i64>, Header, description = "Only what happened after this event"),
    ),
    responses(
        (status = 200, description = "The stream", content_type = "text/event-stream", body = String),
        (status = 400, description = "The query or Last-Event-ID is not understood"),
        (status = 404, description = "There is no such job"),
        (status = 503, description = "Too many streams are open"),
    )
)]
pub(crate) async fn events(
    request: HttpRequest,
    service: Data<Service>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = job_id(&path)?;
    let after = last_event_id(&request)?;
    let follow = follow(&request)?;
    // Told of news from before the first look on, so that nothing falls in between.
    let news = service.platform.subscribe();
    if service.platform.db.status(id).await?.is_none() {
        return Err(Problem::no_job(&path));
    }
    let permit = Arc::clone(&service.streams)
        .try_acquire_owned()
        .map_err(|_| {
            let detail = "too many streams of events are open; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service.busy", detail).retry_after(10)
        })?;
    let stream = EventStream {
        stopping: service.stopping.clone(),
        service,
        id,
        after,
        follow,
        news,
        ready: VecDeque::new(),
        ended: false,
        _permit: permit,
    };
    let chunks = futures_util::stream::try_unfold(stream, |mut stream| async move {
        Ok::<_, DbError>(stream.next().await?.map(|chunk| (chunk, stream)))
    });
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(chunks))
}

fn last_event_id(request: &HttpRequest) -> Result<i64, Problem> {
    let Some(value) = request.headers().get("Last-Event-ID") else {
        return Ok(0);
    };
    let id = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    id.filter(|id| *id >= 0).ok_or_else(|| {
        let detail = "Last-Event-ID must be the id of an event, a whole number";
        Problem::bad_request("events.last_event_id", detail).field("Last-Event-ID")
    })
}

fn follow(request: &HttpRequest) -> Result<bool, Problem> {
    match query(request, &["follow"], &[])?.first() {
        None => Ok(true),
        Some((_, value)) => value.parse().map_err(|_| {
            let detail = format!("follow is {value:?}; expected true or false");
            Problem::bad_request("query.follow", detail).field("follow")
        }),
    }
}

/// One client's stream. The database is read, never a copy kept in memory: a slow client costs nothing but its place.
struct EventStream {
    service: Data<Service>,
    id: JobId,
    after: i64,
    /// Whether to wait for what is still to happen.
    follow: bool,
    news: broadcast::Receiver<JobId>,
    stopping: watch::Receiver<bool>,
    ready: VecDeque<Bytes>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

/// Why to look again.
enum Woken {
    News,
    Heartbeat,
    Stopping,
}

impl EventStream {
    /// The next bytes for the client; `None` once the job has ended and all was told.
    async fn next(&mut self) -> Result<Option<Bytes>, DbError> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(Some(chunk));
            }
            if self.ended {
                return Ok(None);
            }
            if self.read().await? {
                continue;
            }
            match self.woken().await {
                Woken::News => {}
                Woken::Heartbeat => return Ok(Some(Bytes::from_static(b": still here\n\n"))),
                Woken::Stopping => return Ok(None),
            }
        }
    }

    /// Reads what is new; whether there is something to do: events to send, or the end.
    async fn read(&mut self) -> Result<bool, DbError> {
        let db = &self.service.platform.db;
        let events = db.events(self.id, self.after, BATCH).await?;
        if events.is_empty() {
            // Everything was told; a client that resumes after the last event has nothing to wait for.
            let status = db.status(self.id).await?;
            self.ended = !self.follow || status.is_none_or(|row| row.status.is_terminal());
            if self.ended {
                // Between the two questions the job may have ended.
                let last = db.events(self.id, self.after, BATCH).await?;
                self.take(&last);
            }
            return Ok(self.ended);
        }
        self.take(&events);
        Ok(true)
    }

    fn take(&mut self, events: &[LoggedEvent]) {
        for event in events {
            self.after = event.id;
            match encode(event) {
                Ok(chunk) => self.ready.push_back(chunk),
                Err(error) => {
                    tracing::error!(job.id = %self.id, %error, "an event cannot be written")
                }
            }
        }
    }

    async fn woken(&mut self) -> Woken {
        let heartbeat = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(heartbeat);
        loop {
            tokio::select! {
                told = self.news.recv() => match told {
                    Ok(id) if id != self.id => {}
                    // Having missed some is news too.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return Woken::News,
                    Err(broadcast::error::RecvError::Closed) => return Woken::Stopping,
                },
                () = &mut heartbeat => return Woken::Heartbeat,
                // Both a true value and a sender that is gone mean the end.
                _ = self.stopping.wait_for(|stop| *stop) => return Woken::Stopping,
            }
        }
    }
}

/// One event as a block of the stream (WHATWG HTML §9.2.6). JSON has no line ends, so the data is one line.
fn encode(event: &LoggedEvent) -> Result<Bytes, serde_json::Error> {
    let data = serde_json::to_string(event)?;
    let name = name(&event.event);
    Ok(format!("id: {}\nevent: {name}\ndata: {data}\n\n", event.id).into())
}

fn name(event: &JobEvent) -> &'static str {
    match event {
        JobEvent::Status { .. } => "status",
        JobEvent::CancelRequested => "cancel_requested",
        JobEvent::Trainer { event } => match event {
            Event::Started { .. } => "started",
            Event::Checked { .. } => "checked",
            Event::Epoch(_) => "epoch",
            Event::Resumed { .. } => "resumed",
            Event::Checkpoint { .. } => "checkpoint",
            Event::Log { .. } => "log",
            Event::Done { .. } => "done",
            Event::Failed(_) => "failed",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_protocol::LogLevel;
    use time::OffsetDateTime;

    #[test]
    fn an_event_is_one_block_whatever_it_says() {
        let event = LoggedEvent {
            id: 7,
            at: OffsetDateTime::UNIX_EPOCH,
            attempt: 1,
            event: JobEvent::Trainer {
                event: Event::Log {
                    level: LogLevel::Info,
                    message: "two\nlines\r\n\nid: 9".into(),
                },
            },
        };
        let block = String::from_utf8(encode(&event).unwrap().into()).unwrap();
        assert!(block.starts_with("id: 7\nevent: log\ndata: {"));
        assert_eq!(block.lines().count(), 4);
        assert!(block.ends_with("}\n\n"));
    }
}
