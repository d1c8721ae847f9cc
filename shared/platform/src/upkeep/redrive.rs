use crate::{
    Platform,
    queue::{DeadLetter, QueueError},
};

/// What became of dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redriven {
    /// Doorbells of jobs that still wait; they ring again.
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
/// One is taken away only after the outbox has its job's doorbell, from where it rings like any other. What is no doorbell stays, unless `drop` says otherwise.
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
            Some(job) => match platform.db.ring_again(job).await {
                Ok(true) => (&mut done.rung, true),
                Ok(false) => (&mut done.not_needed, true),
                Err(error) => {
                    tracing::warn!(%job, %error, "a dead letter stays: its job could not be looked up");
                    (&mut done.kept, false)
                }
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
