//! Listings, page by page, with an end.

use assay_attest::Digest;
use aws_sdk_s3::primitives::DateTime;

use super::{OBJECTS, S3, client::ServerClock, object_of};
use crate::store::StoreError;

/// Open uploads that are looked at in one go.
const MOST_UPLOADS: usize = 10_000;

/// One thing in a bucket.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) key: String,
    /// When it was written, by the server's clock.
    pub(crate) written: DateTime,
}

impl Listed {
    /// The object's digest; `None` when it is none of ours.
    pub(crate) fn digest(&self) -> Option<Digest> {
        object_of(&self.key)
    }
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) listed: Vec<Listed>,
    /// When the server answered, by its clock.
    pub(crate) now: DateTime,
}

/// A place in a listing.
#[derive(Debug)]
pub(crate) struct Pages {
    bucket: String,
    prefix: String,
    token: Option<String>,
    read: u32,
    ended: bool,
}

/// An upload in parts that has not ended.
#[derive(Debug)]
pub(super) struct OpenUpload {
    pub(super) key: String,
    pub(super) id: String,
    pub(super) begun: DateTime,
}

impl S3 {
    /// The beginning of a listing of everything whose name begins so.
    pub(in crate::store) fn pages(&self, bucket: &str, prefix: &str) -> Pages {
        Pages {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            token: None,
            read: 0,
            ended: false,
        }
    }

    /// The beginning of a listing of the objects whose digests begin with these two digits.
    pub(crate) fn object_pages(&self, two_digits: &str) -> Pages {
        self.pages(self.bucket(), &format!("{OBJECTS}{two_digits}/"))
    }

    /// The next page; `None` after the last.
    pub(crate) async fn next_page(&self, pages: &mut Pages) -> Result<Option<Page>, StoreError> {
        if pages.ended {
            return Ok(None);
        }
        if pages.read >= self.0.limits.pages {
            return Err(self.nonsense("gives a listing without end"));
        }
        let clock = ServerClock::default();
        let list = || {
            let request = self.0.clients.plain.list_objects_v2();
            request
                .bucket(&pages.bucket)
                .prefix(&pages.prefix)
                .set_continuation_token(pages.token.clone())
                .customize()
                .interceptor(clock.clone())
                .send()
        };
        let answer = self.patiently(self.0.limits.answer, list).await;
        let answer = answer.map_err(self.failed(&pages.bucket))?;
        let now = self.now(&clock)?;
        pages.read += 1;
        let next = answer.next_continuation_token;
        pages.ended = answer.is_truncated != Some(true);
        if !pages.ended && (next.is_none() || next == pages.token) {
            return Err(self.nonsense("gives a listing that does not go on"));
        }
        pages.token = next;
        let listed = answer.contents.unwrap_or_default().into_iter();
        let listed = listed.filter_map(|object| {
            Some(Listed {
                key: object.key?,
                written: object.last_modified?,
            })
        });
        let prefix = &pages.prefix;
        let listed = listed.filter(|one| one.key.starts_with(prefix)).collect();
        Ok(Some(Page { listed, now }))
    }

    pub(in crate::store) async fn objects_under(
        &self,
        two_digits: &str,
    ) -> Result<Vec<Digest>, StoreError> {
        let (mut pages, mut found) = (self.object_pages(two_digits), Vec::new());
        while let Some(page) = self.next_page(&mut pages).await? {
            found.extend(page.listed.iter().filter_map(Listed::digest));
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Uploads in parts that have not ended (so many at most), and the time.
    pub(super) async fn open_uploads(&self) -> Result<(Vec<OpenUpload>, DateTime), StoreError> {
        let clock = ServerClock::default();
        let (mut uploads, mut key, mut id) = (Vec::new(), None, None);
        loop {
            let list = || {
                let request = self.0.clients.plain.list_multipart_uploads();
                request
                    .bucket(self.bucket())
                    .set_key_marker(key.clone())
                    .set_upload_id_marker(id.clone())
                    .customize()
                    .interceptor(clock.clone())
                    .send()
            };
            let answer = self.patiently(self.0.limits.answer, list).await;
            let answer = answer.map_err(self.failed(self.bucket()))?;
            let now = self.now(&clock)?;
            let page = answer.uploads.unwrap_or_default().into_iter();
            uploads.extend(page.filter_map(|upload| {
                Some(OpenUpload {
                    key: upload.key?,
                    id: upload.upload_id?,
                    begun: upload.initiated?,
                })
            }));
            let (next_key, next_id) = (answer.next_key_marker, answer.next_upload_id_marker);
            let goes_on = (&next_key, &next_id) != (&key, &id);
            if answer.is_truncated != Some(true) || !goes_on || uploads.len() >= MOST_UPLOADS {
                return Ok((uploads, now));
            }
            (key, id) = (next_key, next_id);
        }
    }

    /// The server's time. Ages are told by it and by nothing else: this machine's clock may be wrong.
    pub(super) fn now(&self, clock: &ServerClock) -> Result<DateTime, StoreError> {
        clock
            .read()
            .ok_or_else(|| self.nonsense("does not say what time it is (header Date)"))
    }

    /// The error for an answer that cannot be.
    pub(super) fn nonsense(&self, what: &str) -> StoreError {
        StoreError::Remote {
            place: format!("{} (bucket {})", self.0.config.endpoint, self.bucket()),
            reason: what.to_owned(),
            passing: true,
        }
    }
}
