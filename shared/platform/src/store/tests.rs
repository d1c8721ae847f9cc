//! What every store must do, and what one of them alone does.

#[cfg(feature = "outside-parts")]
mod collecting;
mod contract;
#[cfg(feature = "outside-parts")]
mod remote;

use std::{fs, os::unix::fs::PermissionsExt as _};

use bytes::Bytes;
use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use super::*;

/// A store of its own, and where it lies.
struct Fixture {
    base: TempDir,
    store: Store,
    #[cfg(feature = "outside-parts")]
    bucket: Option<remote::Bucket>,
}

impl Fixture {
    fn folder() -> Self {
        let base = tempfile::tempdir().unwrap();
        let (root, rooms) = (base.path().join("store"), base.path().join("rooms"));
        let folder = folder::Folder::open(&root, &rooms, LinkKey::from_bytes([1; 32])).unwrap();
        Self {
            base,
            store: Store::Folder(folder),
            #[cfg(feature = "outside-parts")]
            bucket: None,
        }
    }

    fn object(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let objects = self.base.path().join("store/objects");
        objects.join(&name[..2]).join(&name[2..])
    }

    /// Uploads that have not ended.
    async fn uploads(&self) -> usize {
        #[cfg(feature = "outside-parts")]
        if let Some(bucket) = &self.bucket {
            return bucket.uploads().await;
        }
        fs::read_dir(self.base.path().join("store/uploads"))
            .unwrap()
            .count()
    }

    /// Waits until what a dropped upload has left is cleared away, which it is in the background.
    async fn no_upload_is_left(&self) {
        let until = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.uploads().await > 0 {
            assert!(tokio::time::Instant::now() < until, "an upload is left");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts other bytes where an object lies.
    async fn damage(&self, digest: Digest, bytes: &[u8]) {
        #[cfg(feature = "outside-parts")]
        if let Some(bucket) = &self.bucket {
            return bucket.put(&s3::object_key(digest), bytes).await;
        }
        let path = self.object(digest);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

async fn all(mut reader: ObjectReader) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next().await? {
        assert!(!chunk.is_empty() && chunk.len() <= 256 * 1024);
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// Runs the contract over the folder, and over a bucket of a real server.
macro_rules! contract {
    ($($test:ident),+ $(,)?) => {
        mod folder_store {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                contract::$test(&Fixture::folder()).await;
            })+
        }

        #[cfg(feature = "outside-parts")]
        mod s3_store {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                remote::on_a_bucket(async |on| contract::$test(on).await).await;
            })+
        }
    };
}

contract!(
    an_upload_is_invisible_until_it_is_finished_and_stored_once,
    an_upload_over_its_limit_or_given_up_leaves_nothing,
    open_files_are_copied,
    ranges,
    a_damaged_object_is_found_by_every_whole_reading_and_mended_by_its_bytes,
    fetching_places_checked_read_only_bytes,
    what_is_missing_is_said_to_be,
    an_upload_of_many_parts_is_one_object,
    uploads_side_by_side_are_each_whole,
    signed_links_are_for_their_bytes,
    reports_are_found_by_image_and_name,
);

#[tokio::test]
async fn objects_in_a_folder_are_read_only() {
    let on = Fixture::folder();
    let digest = on.store.put_bytes(b"bytes").await.unwrap().digest;
    let mode = fs::metadata(on.object(digest))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o444);
}

#[tokio::test]
async fn sweeping_a_folder_removes_old_uploads_only() {
    let on = Fixture::folder();
    let left = on.base.path().join("store/uploads/left");
    fs::write(&left, "half").unwrap();
    assert_eq!(on.store.sweep(Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(on.store.sweep(Duration::ZERO).await.unwrap(), 1);
    assert!(!left.exists());
}

#[test]
fn however_it_is_cut_the_bytes_are_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = Fixture::folder();
    let cuts = prop::collection::vec(0_usize..1_500_000, 0..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(16));
    let run = runner.run(&cuts, |cuts| {
        runtime.block_on(async {
            let mut upload = on.store.upload(u64::MAX).await.unwrap();
            let mut whole = Vec::new();
            for bytes in cuts {
                let chunk = pattern(bytes);
                whole.extend_from_slice(&chunk);
                upload.write(chunk.into()).await.unwrap();
            }
            let stored = upload.finish().await.unwrap();
            assert_eq!(stored.digest, Digest::of(&whole));
            assert_eq!(stored.bytes, whole.len() as u64);
            on.store.verify(stored.digest).await.unwrap();
        });
        Ok(())
    });
    run.unwrap();
}
