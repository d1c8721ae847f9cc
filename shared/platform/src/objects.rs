//! What store and database have to agree on: which objects may go, and which are there again. It knows both; neither
//! knows the other.

mod collector;

use assay_attest::Digest;

use crate::{
    PlatformError,
    db::Db,
    holds::Release,
    store::{Store, StoreError},
};

pub(crate) use collector::{Collected, Collector};

/// The careful way to remove: see [`crate::Platform::release`].
pub(crate) async fn release(store: &Store, db: &Db, digest: Digest) -> Result<(), PlatformError> {
    let store = match store {
        Store::Folder(store) => store,
        // Other processes store the same bytes: only the collector can tell that nobody is about to name them.
        Store::S3(_) => return Ok(()),
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
        Store::S3(bucket) => Box::pin(Collector::remove(bucket, db, digest)).await,
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
