//! Removes from a server's bucket what nothing names.
//!
//! Many processes store objects, and any of them may be about to name the one that is looked at. So:
//!
//! 1. Only what is old is looked at, by the server's own clock ([`crate::store::StoreConfig::keep_unnamed`]). Storing makes an
//!    object new, also one that lay there already.
//! 2. Before an object is removed, a tombstone is written to the database, if no row names the object; from then on none
//!    may ([`DbError::Collected`]).
//! 3. It is looked at once more: stored anew since, it stays, and the tombstone goes.
//! 4. It is removed, and looked for. When the server said that it did so, and nothing is there, the tombstone stays as
//!    a note that it is gone. Whoever stored the same bytes while they were being removed is thus told to look whether
//!    they are there ([`Db::revive`]) before they are named.
//!
//! When the server's answer was lost, the request may still be on its way and act later. The tombstone then stays as it
//! is, nothing names the object, and nobody goes on with it before [`CLAIM`] has passed, which is longer than a signed
//! request is valid. Two collectors at once do no harm: a tombstone is one's alone for as long.

use std::time::{Duration, Instant};

use assay_attest::Digest;

use crate::{
    PlatformError,
    db::Db,
    store::s3::{Listed, S3, is_older},
};

/// How long an object is one collector's. A signed request is valid for a quarter of an hour.
const CLAIM: Duration = Duration::from_secs(20 * 60);
/// How long after its tombstone an object may still be removed: well within the claim, even if this process was paused.
const IN_TIME: Duration = Duration::from_secs(5 * 60);
/// How long it is noted that an object is gone: longer than anybody takes from storing to naming.
const NOTED: Duration = Duration::from_secs(7 * 24 * 3600);
/// Tombstones that are taken up again in one run.
const UNCLEAR: u32 = 1000;

/// What a run of the collector did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Collected {
    /// Objects that are gone.
    pub(crate) removed: u64,
    /// Objects of which it is not known whether they are gone; a later run will tell.
    pub(crate) unclear: u64,
    /// Uploads that never ended and are gone.
    pub(crate) uploads: u64,
}

/// One run over a bucket.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    store: &'a S3,
    db: &'a Db,
    age: Duration,
    claim: Duration,
    done: Collected,
}

/// What became of an object.
enum Fate {
    Removed,
    Kept,
    Unclear,
}

impl<'a> Collector<'a> {
    /// Removes what nothing has named for `age`.
    pub(crate) fn new(store: &'a S3, db: &'a Db, age: Duration) -> Self {
        Self {
            store,
            db,
            age,
            claim: CLAIM,
            done: Collected::default(),
        }
    }

    /// As if a claim ended sooner.
    #[cfg(test)]
    pub(crate) fn with_claim(self, claim: Duration) -> Self {
        Self { claim, ..self }
    }

    /// Removes one object now, if it is as old as `age` and no row names it. Younger than anybody takes from storing to
    /// naming, it must be one that nobody else can be about to name: others who store the same bytes would be refused to
    /// name them until they store them again.
    pub(crate) async fn remove(
        store: &'a S3,
        db: &'a Db,
        digest: Digest,
        age: Duration,
    ) -> Result<(), PlatformError> {
        let one = Self::new(store, db, age);
        one.collect(digest).await.map(drop)
    }

    /// Goes through the whole bucket once.
    pub(crate) async fn run(mut self) -> Result<Collected, PlatformError> {
        for digest in self.db.collecting(UNCLEAR).await? {
            self.settle(digest).await?;
        }
        for first in 0..=u8::MAX {
            self.under(&hex::encode([first])).await?;
        }
        self.db.forget_collected(NOTED).await?;
        self.done.uploads = self.store.sweep(self.age).await?;
        Ok(self.done)
    }

    /// Looks at the objects whose digests begin with these two digits.
    async fn under(&mut self, two_digits: &str) -> Result<(), PlatformError> {
        let mut pages = self.store.object_pages(two_digits);
        let mut named: Option<Vec<Digest>> = None;
        while let Some(page) = self.store.next_page(&mut pages).await? {
            let old = |one: &&Listed| is_older(one.written, page.now, self.age);
            let old: Vec<Digest> = page
                .listed
                .iter()
                .filter(old)
                .filter_map(Listed::digest)
                .collect();
            if old.is_empty() {
                continue;
            }
            let named = match named.as_ref() {
                Some(named) => named,
                None => &*named.insert(self.db.objects_under(two_digits).await?),
            };
            let unnamed: Vec<Digest> = old
                .into_iter()
                .filter(|digest| named.binary_search(digest).is_err())
                .collect();
            for digest in unnamed {
                self.settle(digest).await?;
            }
        }
        Ok(())
    }

    async fn settle(&mut self, digest: Digest) -> Result<(), PlatformError> {
        match self.collect(digest).await? {
            Fate::Removed => self.done.removed += 1,
            Fate::Unclear => self.done.unclear += 1,
            Fate::Kept => {}
        }
        Ok(())
    }

    async fn collect(&self, digest: Digest) -> Result<Fate, PlatformError> {
        let began = Instant::now();
        if !self.db.begin_collect(digest, self.claim).await? {
            return Ok(Fate::Kept);
        }
        match self.store.written(digest).await? {
            None => {
                self.db.collected(digest).await?;
                return Ok(Fate::Removed);
            }
            Some((written, now)) if !is_older(written, now, self.age) => {
                self.db.end_collect(digest).await?;
                return Ok(Fate::Kept);
            }
            Some(_) if began.elapsed() > IN_TIME => return Ok(Fate::Unclear),
            Some(_) => {}
        }
        if let Err(error) = self.store.remove_once(digest).await {
            tracing::warn!(%digest, %error, "an object may be gone or not; it is looked for later");
            return Ok(Fate::Unclear);
        }
        match self.store.written(digest).await? {
            None => {
                self.db.collected(digest).await?;
                Ok(Fate::Removed)
            }
            // Stored anew since: the only request to remove it has been answered, so it is safe.
            Some((written, now)) if !is_older(written, now, self.age) => {
                self.db.end_collect(digest).await?;
                Ok(Fate::Kept)
            }
            Some(_) => Ok(Fate::Unclear),
        }
    }
}
