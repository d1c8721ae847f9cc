//! What a process that was killed left in the embedded store.

use super::PlatformError;
use crate::{db::Db, store::Store};

/// Removes objects that no artifact names. Only at the start, under the lock, before anything can be stored.
pub(super) async fn objects(db: &Db, store: &Store) -> Result<(), PlatformError> {
    let mut removed = 0_u64;
    for first in 0..=u8::MAX {
        let folder = hex::encode([first]);
        let stored = store.objects_under(&folder).await?;
        if stored.is_empty() {
            continue;
        }
        let named = db.objects_under(&folder).await?;
        for digest in stored {
            if named.binary_search(&digest).is_err() {
                store.remove(digest).await?;
                removed += 1;
            }
        }
    }
    if removed > 0 {
        tracing::info!(removed, "objects that no artifact names were removed");
    }
    Ok(())
}
