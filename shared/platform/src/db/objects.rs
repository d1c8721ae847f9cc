//! Objects and what is known of them: checkpoints, scans, what is being removed.

use std::time::Duration;

use assay_attest::Digest;
use time::OffsetDateTime;

use super::{Db, DbError, either};
use crate::{
    checkpoint::Checkpoint,
    ids::JobId,
    scan::{ImageSeen, Scan, ScanBrief, ScanTimes},
};

impl Db {
    /// Whether any row names this object: an artifact, a job's newest checkpoint, or a scan by its link.
    pub async fn object_is_referenced(&self, digest: Digest) -> Result<bool, DbError> {
        either!(self, db => db.object_is_referenced(digest))
    }

    /// The digests of the objects that rows name, sorted, of those whose text form begins with these two digits.
    pub async fn objects_under(&self, two_digits: &str) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.objects_under(two_digits))
    }

    /// Writes a job's newest checkpoint, if the lease of its attempt is still held. The one before is forgotten, and its
    /// object noted as unneeded. `false`: lost, nothing written.
    pub async fn save_checkpoint(&self, checkpoint: &Checkpoint) -> Result<bool, DbError> {
        either!(self, db => db.save_checkpoint(checkpoint))
    }

    /// A job's newest checkpoint. A job that has ended has none.
    pub async fn checkpoint(&self, id: JobId) -> Result<Option<Checkpoint>, DbError> {
        either!(self, db => db.checkpoint(id))
    }

    /// Objects of checkpoints that were forgotten: of jobs that have ended, or for newer ones. The upkeep removes them.
    pub async fn unneeded(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.unneeded(limit))
    }

    /// Notes an object that was stored for something that did not come about. Others may have stored the same bytes, and
    /// be about to name them: it is looked at when it is so old, which is more than a millisecond.
    pub async fn note_refused(&self, digest: Digest, age: Duration) -> Result<(), DbError> {
        either!(self, db => db.note_refused(digest, age))
    }

    /// Objects of [`Db::note_refused`] whose time has come, at most `limit`, until [`Db::unneeded_settled`].
    pub async fn refused(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.refused(limit))
    }

    /// Notes that an unneeded object has been looked after.
    pub async fn unneeded_settled(&self, digest: Digest) -> Result<(), DbError> {
        either!(self, db => db.unneeded_settled(digest))
    }

    /// The time by the database's clock, to the millisecond: the one by which it dates scans.
    pub async fn now(&self) -> Result<OffsetDateTime, DbError> {
        either!(self, db => db.now())
    }

    /// Writes down a scan, dated now by the database's clock whatever it says itself; one with an id that is there
    /// already is left as it is.
    pub async fn record_scan(&self, scan: &Scan) -> Result<(), DbError> {
        either!(self, db => db.record_scan(scan))
    }

    /// The scan of an image that was written down last; of two in the same millisecond, the later id. A row that does not
    /// agree with itself is given as a failed scan.
    pub async fn newest_scan(&self, image: Digest) -> Result<Option<Scan>, DbError> {
        either!(self, db => db.newest_scan(image))
    }

    /// The same in brief, without its findings.
    pub async fn newest_scan_brief(&self, image: Digest) -> Result<Option<ScanBrief>, DbError> {
        either!(self, db => db.newest_scan_brief(image))
    }

    /// Holds a job further that is held already, and was looked at anew without being claimed: with this reason, and what
    /// is known of the image by now. `false`: it is not held any more, nothing written.
    pub async fn still_held(
        &self,
        id: JobId,
        seen: &ImageSeen,
        reason: &str,
        recheck: Duration,
    ) -> Result<bool, DbError> {
        either!(self, db => db.still_held(id, seen, reason, recheck))
    }

    /// Writes down what a running attempt knows of its image; what an earlier attempt knew is forgotten. `false`: the
    /// lease is lost, nothing written.
    pub async fn note_image(
        &self,
        id: JobId,
        attempt: u32,
        seen: &ImageSeen,
    ) -> Result<bool, DbError> {
        either!(self, db => db.note_image(id, attempt, seen))
    }

    /// What a job's newest attempt knew of its image; `None` if it ran in none, or there was no attempt yet.
    pub async fn image_seen(&self, id: JobId) -> Result<Option<ImageSeen>, DbError> {
        either!(self, db => db.image_seen(id))
    }

    /// When scans were made, by the database's clock.
    pub async fn scan_times(&self) -> Result<ScanTimes, DbError> {
        either!(self, db => db.scan_times())
    }

    /// Scans of all images, the newest first.
    pub async fn scans(&self, limit: u32) -> Result<Vec<Scan>, DbError> {
        either!(self, db => db.scans(limit))
    }

    /// Begins to remove an object: from now on no row may name it, and nobody else may begin before `claim` has passed.
    /// `false`: a row does name it, or somebody else has begun.
    pub async fn begin_collect(&self, digest: Digest, claim: Duration) -> Result<bool, DbError> {
        either!(self, db => db.begin_collect(digest, claim))
    }

    /// Notes that an object whose removal had begun is gone from the store, and no request to remove it is on its way.
    pub async fn collected(&self, digest: Digest) -> Result<(), DbError> {
        either!(self, db => db.collected(digest))
    }

    /// Lets rows name an object again that was noted to be gone: for one who has seen that it is there after all.
    /// `false`: it was not noted to be gone, or is being removed.
    pub async fn revive(&self, digest: Digest) -> Result<bool, DbError> {
        either!(self, db => db.revive(digest))
    }

    /// Forgets which objects are gone, so long after.
    pub async fn forget_collected(&self, age: Duration) -> Result<(), DbError> {
        either!(self, db => db.forget_collected(age))
    }

    /// Gives up removing an object, of which nothing has come: rows may name it again.
    pub async fn end_collect(&self, digest: Digest) -> Result<(), DbError> {
        either!(self, db => db.end_collect(digest))
    }

    /// Objects whose removal has begun and not ended, the longest first.
    pub async fn collecting(&self, limit: u32) -> Result<Vec<Digest>, DbError> {
        either!(self, db => db.collecting(limit))
    }
}
