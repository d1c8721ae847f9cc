//! Objects and what is known of them: checkpoints, scans, what is being removed.

use assay_attest::Digest;

use super::{Db, DbError, either};
use crate::{checkpoint::Checkpoint, ids::JobId, scan::Scan};

impl Db {
    /// Whether any row names this object: an artifact, a job's newest checkpoint, or a scan by its link.
    pub async fn object_is_referenced(&self, digest: Digest) -> Result<bool, DbError> {
        either!(self, db => db.object_is_referenced(digest))
    }

    /// The digests of the objects that rows name, sorted, of those whose text form begins with these two digits.
    pub async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.objects_under(two_digits))
    }

    /// Writes a job's newest checkpoint, if the lease of its attempt is still held. The one before is forgotten; its
    /// object is the caller's to release. `false`: lost, nothing written.
    pub async fn save_checkpoint(&self, checkpoint: &Checkpoint) -> Result<bool, DbError> {
        either!(self, db => db.save_checkpoint(checkpoint))
    }

    /// A job's newest checkpoint. A job that has ended has none.
    pub async fn checkpoint(&self, id: JobId) -> Result<Option<Checkpoint>, DbError> {
        either!(self, db => db.checkpoint(id))
    }

    /// Writes down a scan; one with an id that is there already is left as it is.
    pub async fn record_scan(&self, scan: &Scan) -> Result<(), DbError> {
        either!(self, db => db.record_scan(scan))
    }

    /// The newest scan of an image by its time; of two at the same time, the later id. One dated later than the
    /// database's clock is not believed.
    pub async fn newest_scan(&self, image: Digest) -> Result<Option<Scan>, DbError> {
        either!(self, db => db.newest_scan(image))
    }

    /// Scans of all images, the newest first.
    pub async fn scans(&self, limit: u32) -> Result<Vec<Scan>, DbError> {
        either!(self, db => db.scans(limit))
    }

    /// Begins to remove an object: from now until [`Db::end_collect`] no row may name it. `false`: one does already.
    pub async fn begin_collect(&self, digest: Digest) -> Result<bool, DbError> {
        either!(self, db => db.begin_collect(digest))
    }

    /// Notes that an object is gone from the store: it may be stored and named again.
    pub async fn end_collect(&self, digest: Digest) -> Result<(), DbError> {
        either!(self, db => db.end_collect(digest))
    }

    /// Objects whose removal has begun and not ended, the longest first.
    pub async fn collecting(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.collecting(limit))
    }
}
