use crate::{
    Platform,
    ids::JobId,
    job::Status,
    queue::{DeadLetter, Doorbell, QueueError},
};

/// What became of dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Doorbells of jobs that still wait; they rang again.
    pub rung: usize,
    /// Doorbells of jobs that run or have ended, or that there are not.
    pub not_needed: usize,
    /// Messages that are no doorbells, taken away because that was asked for.
    pub dropped: usize,
    /// What is still there.
    pub kept: usize,
}

/// Looks at dead letters, `limit` at most, and rings again for those whose jobs still wait.
///
/// One is taken away only after its doorbell was confirmed. What is no doorbell stays, unless `drop` says otherwise.
///
/// # Errors
/// [`QueueError`] when the broker cannot be reached; what was done until then is done.
pub async fn redrive(
    platform: &Platform,
    limit: usize,
    drop: bool,
) -> Result<Redriven, QueueError> {
    let mut done = Redriven::default();
    let wanted = async |letter: DeadLetter| {
        let (count, taken) = match letter.job {
            Some(job) => match waits(platform, job).await {
                Waits::Yes(bell) if platform.queue.ring(&bell).await.is_ok() => {
                    (&mut done.rung, true)
                }
                Waits::No => (&mut done.not_needed, true),
                _ => (&mut done.kept, false),
            },
            None if drop => (&mut done.dropped, true),
            None => (&mut done.kept, false),
        };
        *count += 1;
        taken
    };
    platform.queue.take_dead(limit, wanted).await?;
    Ok(done)
}

/// Whether a job waits for a worker.
enum Waits {
    Yes(Doorbell),
    No,
    /// The database gives no answer now.
    Unknown,
}

async fn waits(platform: &Platform, job: JobId) -> Waits {
    match platform.db.job(job).await {
        Ok(Some(job)) if job.status == Status::Queued => Waits::Yes(Doorbell {
            job: job.id,
            class: job.class,
            priority: job.priority,
            traceparent: job.traceparent,
        }),
        Ok(_) => Waits::No,
        Err(error) => {
            tracing::warn!(%job, %error, "a dead letter stays: its job could not be looked up");
            Waits::Unknown
        }
    }
}
