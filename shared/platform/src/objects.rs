//! What store and database have to agree on: which objects may go, and which are there again. It knows both; neither
//! knows the other.

mod collector;

use std::time::Duration;

use assay_attest::Digest;

use crate::{
    PlatformError,
    db::Db,
    holds::Release,
    store::{Store, StoreError},
};

pub(crate) use collector::{Collected, Collector};

/// How old an object of a bucket must be before it is removed because a request that stored it was refused. Who has
/// stored the same bytes since has made it new, and this long to name it; who takes longer has to store it again.
pub(crate) const REFUSED: Duration = Duration::from_secs(15 * 60);

/// The careful way to remove: see [`crate::Platform::release`].
pub(crate) async fn release(store: &Store, db: &Db, digest: Digest) -> Result<(), PlatformError> {
    let store = match store {
        Store::Folder(store) => store,
        // Other processes store the same bytes, and may be about to name them: the upkeep looks at it a little later.
        Store::S3(_) => return Ok(db.note_refused(digest, REFUSED).await?),
    };
    let holds = store.holds();
    while let Release::Ask(asked) = holds.begin_release(digest) {
        let unnamed = !db.object_is_referenced(digest).await?;
        let remove = || store.remove_now(digest);
        if let Some(removed) = holds.finish_release(digest, asked, unnamed, remove) {
            removed.transpose().map_err(StoreError::from)?;
            break;
        }
    }
    Ok(())
}

/// Removes an object that nobody else can be about to name: see [`crate::Platform::remove_own`].
pub(crate) async fn remove_own(
    store: &Store,
    db: &Db,
    digest: Digest,
) -> Result<(), PlatformError> {
    match store {
        Store::Folder(_) => release(store, db, digest).await,
        Store::S3(bucket) => Box::pin(Collector::remove(bucket, db, digest, Duration::ZERO)).await,
    }
}

/// Removes an object that was stored in vain, unless a row names it or it is younger than `age`: somebody has stored it
/// again since.
pub(crate) async fn remove_refused(
    store: &Store,
    db: &Db,
    digest: Digest,
    age: Duration,
) -> Result<(), PlatformError> {
    match store {
        Store::Folder(_) => release(store, db, digest).await,
        Store::S3(bucket) => Box::pin(Collector::remove(bucket, db, digest, age)).await,
    }
}

/// Whether an object lies there that was removed and has been stored anew since; rows may name it again then.
pub(crate) async fn revive(store: &Store, db: &Db, digest: Digest) -> Result<bool, PlatformError> {
    match store {
        Store::Folder(_) => Ok(false),
        Store::S3(bucket) => {
            Ok(bucket.written(digest).await?.is_some() && db.revive(digest).await?)
        }
    }
}
