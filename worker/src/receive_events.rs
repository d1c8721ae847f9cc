use std::time::Duration;

use assay_platform::{Platform, ids::JobId, job::JobEvent};
use assay_protocol::{Event, Parameters};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    hear::{Heard, Written},
    trace::Course,
};

/// Events wait this long for company: one transaction for many lines.
const BATCH_WAIT: Duration = Duration::from_millis(50);
/// Events of one transaction.
const BATCH_EVENTS: usize = 64;

/// Takes in a run's events until the sandbox closes the channel, writing them to the job's event log in batches, and
/// tells `written` of checkpoints. `offered` is the epoch of the checkpoint in the room, if there is one.
///
/// Gives what was heard, and when.
///
/// A batch that the database refuses is lost to the log (and said so), never to the judgement of the run.
pub(crate) async fn receive_events(
    platform: &Platform,
    id: JobId,
    attempt: u32,
    parameters: &Parameters,
    offered: Option<u32>,
    mut events: mpsc::Receiver<Event>,
    written: watch::Sender<Option<Written>>,
) -> (Heard, Course) {
    let (mut heard, mut course) = (Heard::offered(offered), Course::begin());
    let mut batch = Vec::with_capacity(BATCH_EVENTS);
    let mut flush_at = Instant::now();
    loop {
        let received = tokio::select! {
            received = events.recv() => received,
            () = sleep_until(flush_at), if !batch.is_empty() => {
                flush(platform, id, attempt, &mut batch).await;
                continue;
            }
        };
        let Some(event) = received else { break };
        let taken = heard.take(event, parameters);
        written.send_if_modified(|last| {
            let newer = *last != heard.checkpoint;
            *last = heard.checkpoint;
            newer
        });
        let Some(event) = taken else {
            continue;
        };
        course.hear(&event);
        if batch.is_empty() {
            flush_at = Instant::now() + BATCH_WAIT;
        }
        batch.push(JobEvent::Trainer { event });
        if batch.len() >= BATCH_EVENTS {
            flush(platform, id, attempt, &mut batch).await;
        }
    }
    flush(platform, id, attempt, &mut batch).await;
    (heard, course)
}

async fn flush(platform: &Platform, id: JobId, attempt: u32, batch: &mut Vec<JobEvent>) {
    if batch.is_empty() {
        return;
    }
    if let Err(error) = platform.db.log(id, attempt, batch).await {
        tracing::warn!(%error, events = batch.len(), "events could not be written to the log");
    }
    batch.clear();
}
