//! What every store must do, run over the embedded one.

use std::{fs, os::unix::fs::PermissionsExt as _};

use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use super::*;

struct Fixture {
    base: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        let (root, rooms) = (base.path().join("store"), base.path().join("rooms"));
        let folder = folder::Folder::open(&root, &rooms, LinkKey::from_bytes([1; 32])).unwrap();
        Self {
            base,
            store: Store::Folder(folder),
        }
    }

    fn object(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        let objects = self.base.path().join("store/objects");
        objects.join(&name[..2]).join(&name[2..])
    }

    fn uploads(&self) -> usize {
        fs::read_dir(self.base.path().join("store/uploads"))
            .unwrap()
            .count()
    }

    fn damage(&self, digest: Digest, bytes: &[u8]) {
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

#[tokio::test]
async fn an_upload_is_invisible_until_it_is_finished_and_stored_once() {
    let on = Fixture::new();
    let data = pattern(3_000_000);
    for _ in 0..2 {
        let mut upload = on.store.upload(3_000_000).await.unwrap();
        for chunk in data.chunks(70_001) {
            upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let stored = upload.finish().await.unwrap();
        assert_eq!(stored.digest, Digest::of(&data));
        assert_eq!(stored.bytes, 3_000_000);
        assert_eq!(on.uploads(), 0);
    }
    let digest = Digest::of(&data);
    let mode = fs::metadata(on.object(digest))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o444);
    assert_eq!(on.store.read(digest, 3_000_000).await.unwrap(), data);
    assert_eq!(on.store.verify(digest).await.unwrap().bytes, 3_000_000);
    let under = on
        .store
        .objects_under(&digest.to_string()[..2])
        .await
        .unwrap();
    assert_eq!(under, [digest]);
}

#[tokio::test]
async fn an_upload_over_its_limit_or_given_up_leaves_nothing() {
    let on = Fixture::new();
    let mut upload = on.store.upload(2_500_000).await.unwrap();
    upload.write(pattern(2_500_000).into()).await.unwrap();
    let over = upload.write(Bytes::from_static(b"x")).await;
    assert!(matches!(
        over,
        Err(StoreError::TooLarge { limit: 2_500_000 })
    ));
    assert!(upload.finish().await.is_err());

    let mut upload = on.store.upload(u64::MAX).await.unwrap();
    upload.write(pattern(2_500_000).into()).await.unwrap();
    drop(upload);
    // The block that was being written ends in the blocking pool; the same pool runs this after it or beside it.
    while on.uploads() > 0 {
        tokio::task::yield_now().await;
    }
    let empty = on.store.upload(0).await.unwrap().finish().await.unwrap();
    assert_eq!(
        empty,
        Stored {
            digest: Digest::of(b""),
            bytes: 0
        }
    );
}

#[tokio::test]
async fn open_files_are_copied() {
    let on = Fixture::new();
    let path = on.base.path().join("rooms/file");
    let data = pattern(600_000);
    fs::write(&path, &data).unwrap();
    let open = || File::open(&path).unwrap();
    let stored = on.store.put_open_file(open()).await.unwrap();
    assert_eq!(stored.digest, Digest::of(&data));
    assert_eq!(on.store.put_open_file(open()).await.unwrap(), stored);
    // What becomes of the file afterwards is nothing to the object.
    fs::write(&path, "evil").unwrap();
    assert_eq!(on.store.read(stored.digest, 600_000).await.unwrap(), data);

    let folder = File::open(on.base.path()).unwrap();
    assert!(on.store.put_open_file(folder).await.is_err());
    assert_eq!(on.uploads(), 0);
}

#[tokio::test]
async fn ranges() {
    let on = Fixture::new();
    let data = pattern(700_000);
    let stored = on.store.put_bytes(&data).await.unwrap();
    for range in [0..700_000, 0..1, 300_000..600_000, 699_999..700_000, 5..5] {
        let (reader, size) = on
            .store
            .open(stored.digest, Some(range.clone()))
            .await
            .unwrap();
        assert_eq!(size, 700_000);
        let (start, end) = (range.start as usize, range.end as usize);
        assert_eq!(all(reader).await.unwrap(), &data[start..end]);
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
    for wrong in [0..700_001, 9..8, u64::MAX..u64::MAX] {
        let refused = on.store.open(stored.digest, Some(wrong)).await;
        assert!(matches!(
            refused,
            Err(StoreError::Range { bytes: 700_000, .. })
        ));
    }
}

#[tokio::test]
async fn a_damaged_object_is_found_by_every_whole_reading_and_mended_by_its_bytes() {
    let on = Fixture::new();
    let data = pattern(600_000);
    let digest = on.store.put_bytes(&data).await.unwrap().digest;
    let mut wrong = data.clone();
    wrong[300_000] ^= 1;
    on.damage(digest, &wrong);

    let corrupt = |error: StoreError| matches!(error, StoreError::Corrupt { expected, found } if expected == digest && found == Digest::of(&wrong));
    assert!(corrupt(on.store.verify(digest).await.unwrap_err()));
    assert!(corrupt(on.store.read(digest, 600_000).await.unwrap_err()));
    let to = on.base.path().join("rooms/input");
    assert!(corrupt(on.store.fetch(digest, &to).await.unwrap_err()));
    assert!(!to.exists());
    let (reader, _) = on.store.open(digest, None).await.unwrap();
    assert!(corrupt(all(reader).await.unwrap_err()));

    on.damage(digest, b"short");
    on.store.put_bytes(&data).await.unwrap();
    assert_eq!(on.store.verify(digest).await.unwrap().bytes, 600_000);
    on.damage(Digest::of(&data), b"");
    let (reader, _) = on
        .store
        .open(digest, None)
        .await
        .map_or_else(|error| (Err(error), 0), |(reader, size)| (Ok(reader), size));
    assert!(matches!(reader, Err(StoreError::Corrupt { .. })));
}

#[tokio::test]
async fn fetching_places_checked_read_only_bytes() {
    let on = Fixture::new();
    let stored = on.store.put_bytes(b"input").await.unwrap();
    let to = on.base.path().join("rooms/input");
    assert_eq!(on.store.fetch(stored.digest, &to).await.unwrap(), stored);
    assert_eq!(fs::read(&to).unwrap(), b"input");
    assert_eq!(
        fs::metadata(&to).unwrap().permissions().mode() & 0o777,
        0o444
    );
    // What lies there already is neither replaced nor removed.
    assert!(on.store.fetch(stored.digest, &to).await.is_err());
    assert!(to.exists());
    // Another file system (where there is one): a copy.
    if let Ok(other) = tempfile::tempdir_in("/dev/shm") {
        let to = other.path().join("input");
        assert_eq!(on.store.fetch(stored.digest, &to).await.unwrap(), stored);
        assert_eq!(
            fs::metadata(&to).unwrap().permissions().mode() & 0o777,
            0o444
        );
    }
}

#[tokio::test]
async fn what_is_missing_is_said_to_be() {
    let on = Fixture::new();
    let digest = Digest::of(b"never stored");
    let missing =
        |error: StoreError| matches!(error, StoreError::Missing(found) if found == digest);
    assert!(missing(on.store.read(digest, 9).await.unwrap_err()));
    assert!(missing(on.store.verify(digest).await.unwrap_err()));
    assert!(missing(on.store.open(digest, None).await.unwrap_err()));
    let to = on.base.path().join("x");
    assert!(missing(on.store.fetch(digest, &to).await.unwrap_err()));
    on.store.remove(digest).await.unwrap();
    let stored = on.store.put_bytes(b"12345").await.unwrap();
    let limited = on.store.read(stored.digest, 4).await;
    assert!(matches!(limited, Err(StoreError::TooLarge { limit: 4 })));
}

#[tokio::test]
async fn sweeping_removes_old_uploads_only() {
    let on = Fixture::new();
    let left = on.base.path().join("store/uploads/left");
    fs::write(&left, "half").unwrap();
    assert_eq!(on.store.sweep(Duration::from_secs(3600)).await.unwrap(), 0);
    assert_eq!(on.store.sweep(Duration::ZERO).await.unwrap(), 1);
    assert!(!left.exists());
}

#[test]
fn however_it_is_cut_the_bytes_are_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let on = Fixture::new();
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
