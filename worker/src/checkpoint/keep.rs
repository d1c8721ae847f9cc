use assay_attest::Digest;
use assay_platform::{
    Platform,
    job::JobEvent,
    sandbox::{CollectError, collect_one},
};
use assay_protocol::{Event, room};
use tokio::sync::watch;

use super::offer::Plan;
use crate::{hear::Written, stage::Staged, stop::Stop};

/// Takes the newest checkpoint of a running training into the store, again and again, until nobody tells of any more.
/// `newest` is the object that the job's row names.
///
/// A checkpoint that cannot be kept costs a later attempt some time, and this one nothing: it is said and let go.
pub(crate) async fn keep(
    platform: &Platform,
    staged: &Staged,
    plan: &Plan,
    mut written: watch::Receiver<Option<Written>>,
    newest: &mut Option<Digest>,
) {
    *newest = plan.known;
    while written.changed().await.is_ok() {
        let told = *written.borrow_and_update();
        let Some(told) = told else { continue };
        // Never given up half-way, for an object that no row names would stay.
        match take(platform, staged, plan, told).await {
            Ok(Some(digest)) => {
                if let Some(older) = newest.replace(digest) {
                    release(platform, older).await;
                }
            }
            Ok(None) => {}
            Err(stop) => tracing::warn!(?stop, epoch = told.epoch, "a checkpoint is not kept"),
        }
    }
}

/// Stores, signs and names one checkpoint; gives its object. `None` when it is gone already (a newer one follows) or
/// the lease is.
async fn take(
    platform: &Platform,
    staged: &Staged,
    plan: &Plan,
    written: Written,
) -> Result<Option<Digest>, Stop> {
    let (folder, name) = (staged.room.output(), room::checkpoint(written.epoch));
    let opened = tokio::task::spawn_blocking(move || collect_one(&folder, &name)).await;
    let opened = opened.map_err(|error| Stop::Infrastructure(error.to_string()))?;
    let refuse = |message: String| Err(Stop::ours("trainer.checkpoint", message));
    let entry = match opened {
        Ok(Some(entry)) => entry,
        Ok(None) => return Ok(None),
        Err(CollectError::Io(error)) => return Err(error.into()),
        Err(refused) => return refuse(refused.to_string()),
    };
    if entry.bytes != written.bytes || entry.bytes > plan.max_bytes {
        return refuse(format!(
            "it has {} bytes; the trainer said {}, and {} may be",
            entry.bytes, written.bytes, plan.max_bytes
        ));
    }
    let stored = platform.store.put_open_file(entry.file).await?;
    let (digest, bytes) = (stored.digest, stored.bytes);
    let signed = plan.signed(written.epoch, digest, bytes, &platform.keys);
    let row = match signed.await {
        Ok(row) => row,
        Err(error) => {
            release(platform, digest).await;
            return Err(error.into());
        }
    };
    match platform.naming(|| platform.db.save_checkpoint(&row)).await {
        Ok(true) => {}
        Ok(false) => {
            release(platform, stored.digest).await;
            return Ok(None);
        }
        Err(error) => {
            // Whether the row was written may be unknown; the object goes only if no row names it.
            release(platform, stored.digest).await;
            return Err(error.into());
        }
    }
    let event = Event::Checkpoint {
        epoch: written.epoch,
        bytes: stored.bytes,
    };
    let event = JobEvent::Trainer { event };
    if let Err(error) = platform.db.log(row.job, row.attempt, &[event]).await {
        tracing::warn!(%error, "an event could not be written to the log");
    }
    tracing::debug!(epoch = row.epoch, digest = %row.digest, "checkpoint kept");
    Ok(Some(stored.digest))
}

/// Removes an old checkpoint from the store, unless a row still names it. Its bytes say which job they are of, so no other
/// job can be about to name them.
pub(crate) async fn release(platform: &Platform, digest: Digest) {
    if let Err(error) = platform.remove_own(digest).await {
        tracing::warn!(%digest, %error, "an old checkpoint could not be removed");
    }
}
