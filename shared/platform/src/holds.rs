use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_attest::Digest;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tokio::task::JoinHandle;

/// What keeps an object between the moment it is stored and the moment an artifact's row names it.
///
/// Two uploads of the same bytes share one object. When the one is refused, its object may go only if no row names
/// it *and* the other is not about to write such a row. So everything that stores takes a hold first; the hold ends
/// when a row names the object ([`Holds::settle`]) or when the object is given back ([`crate::Platform::release`]).
/// Holds live in the memory of the one process that owns the folder; what a killed process leaves is swept at start.
///
/// A hold also knows whether the object has reached the disk. Objects go there side by side and in the background; the
/// database waits for those that a row will name before it commits the row ([`Holds::durable`]).
#[derive(Debug, Clone, Default)]
pub struct Holds(Arc<Mutex<HashMap<Digest, Hold>>>);

/// The end of an object's way to the disk.
type Arrival = Shared<BoxFuture<'static, Result<(), Arc<io::Error>>>>;

#[derive(Debug, Clone, Default)]
struct Hold {
    count: u64,
    /// Holds ever taken on this entry: tells whether somebody came while the database was asked.
    taken: u64,
    /// `None` for an object that was there, named by a row, before.
    arrival: Option<Arrival>,
}

/// What a release has to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// Somebody else holds the object and will answer for it.
    Done,
    /// Ask the database, then call [`Holds::finish_release`] with this.
    Ask(Asked),
}

/// The state of a hold when the database was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked(u64);

impl Holds {
    /// Takes a hold, before the object is looked for.
    pub(crate) fn take(&self, digest: Digest) {
        let mut holds = self.lock();
        let hold = holds.entry(digest).or_default();
        hold.count += 1;
        hold.taken += 1;
    }

    /// Takes a hold and, under the lock, gives an object its name; `place` gives the task that brings it to the disk, or
    /// `None` when the object was there. So whoever finds the object finds its way to the disk, too.
    pub(crate) fn place(
        &self,
        digest: Digest,
        place: impl FnOnce() -> io::Result<Option<JoinHandle<io::Result<()>>>>,
    ) -> io::Result<()> {
        let mut holds = self.lock();
        let task = place()?;
        let hold = holds.entry(digest).or_default();
        hold.count += 1;
        hold.taken += 1;
        if let Some(task) = task {
            let arrival = task.map(|ended| match ended {
                Ok(synced) => synced.map_err(Arc::new),
                Err(stopped) => Err(Arc::new(io::Error::other(stopped))),
            });
            hold.arrival = Some(arrival.boxed().shared());
        }
        Ok(())
    }

    /// Waits until an object that the caller holds has reached the disk.
    pub(crate) async fn durable(&self, digest: Digest) -> Result<(), Arc<io::Error>> {
        let arrival = self
            .lock()
            .get(&digest)
            .and_then(|hold| hold.arrival.clone());
        match arrival {
            Some(arrival) => arrival.await,
            None => Ok(()),
        }
    }

    /// Ends a hold: a row names the object now, or it was not stored at all.
    pub(crate) fn settle(&self, digest: Digest) {
        let mut holds = self.lock();
        if let Some(hold) = holds.get_mut(&digest) {
            hold.count -= 1;
            if hold.count == 0 {
                holds.remove(&digest);
            }
        }
    }

    /// Begins to give an object back. The caller's hold stays until [`Holds::finish_release`].
    pub(crate) fn begin_release(&self, digest: Digest) -> Release {
        let mut holds = self.lock();
        let hold = holds.entry(digest).or_insert(Hold {
            count: 1,
            taken: 1,
            arrival: None,
        });
        if hold.count > 1 {
            hold.count -= 1;
            return Release::Done;
        }
        Release::Ask(Asked(hold.taken))
    }

    /// Ends the caller's hold. `remove` runs, under the lock, when the object is `unnamed` by the database and nobody
    /// took a hold since. `None`: somebody did, so begin again.
    pub(crate) fn finish_release<T>(
        &self,
        digest: Digest,
        asked: Asked,
        unnamed: bool,
        remove: impl FnOnce() -> T,
    ) -> Option<Option<T>> {
        let mut holds = self.lock();
        let unchanged = holds.get(&digest).is_some_and(|hold| hold.taken == asked.0);
        if !unchanged {
            return None;
        }
        holds.remove(&digest);
        Some(unnamed.then(remove))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Hold>> {
        // The map is whole between any two statements, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(holds: &Holds, digest: Digest) -> Asked {
        match holds.begin_release(digest) {
            Release::Ask(asked) => asked,
            Release::Done => panic!("somebody else holds it"),
        }
    }

    #[test]
    fn the_last_of_two_uploads_removes() {
        let (holds, digest) = (Holds::default(), Digest::of(b"same"));
        holds.take(digest);
        holds.take(digest);
        assert_eq!(holds.begin_release(digest), Release::Done);
        let last = asked(&holds, digest);
        assert_eq!(
            holds.finish_release(digest, last, true, || 7),
            Some(Some(7))
        );
        assert!(holds.lock().is_empty());
    }

    #[test]
    fn an_upload_that_comes_while_the_database_is_asked_keeps_the_object() {
        let (holds, digest) = (Holds::default(), Digest::of(b"same"));
        holds.take(digest);
        let first = asked(&holds, digest);
        holds.take(digest);
        holds.settle(digest);
        // Its row was written after the question, so the answer is stale.
        assert_eq!(holds.finish_release(digest, first, true, || ()), None);
        let again = asked(&holds, digest);
        assert_eq!(
            holds.finish_release(digest, again, false, || ()),
            Some(None)
        );
    }

    #[test]
    fn what_was_never_held_can_be_released() {
        let (holds, digest) = (Holds::default(), Digest::of(b"old"));
        let asked = asked(&holds, digest);
        assert_eq!(
            holds.finish_release(digest, asked, true, || ()),
            Some(Some(()))
        );
        holds.settle(digest);
    }

    #[test]
    fn what_could_not_be_placed_is_not_held() {
        let (holds, digest) = (Holds::default(), Digest::of(b"x"));
        let refused = holds.place(digest, || Err(io::Error::other("read-only")));
        assert!(refused.is_err() && holds.lock().is_empty());
    }

    #[tokio::test]
    async fn an_object_that_does_not_reach_the_disk_is_told_to_all_who_hold_it() {
        let (holds, digest) = (Holds::default(), Digest::of(b"lost"));
        assert!(holds.durable(digest).await.is_ok());
        let full = || Err(io::Error::other("no space"));
        let task = || Ok(Some(tokio::task::spawn_blocking(full)));
        holds.place(digest, task).unwrap();
        holds.place(digest, || Ok(None)).unwrap();
        for _ in 0..2 {
            let error = holds.durable(digest).await.unwrap_err();
            assert_eq!(error.to_string(), "no space");
        }
    }
}
