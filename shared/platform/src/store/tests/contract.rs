use std::os::unix::fs::PermissionsExt as _;

use super::*;

pub(super) async fn an_upload_is_invisible_until_it_is_finished_and_stored_once(on: &Fixture) {
    let data = pattern(3_000_000);
    for _ in 0..2 {
        let mut upload = on.store.upload(3_000_000).await.unwrap();
        for chunk in data.chunks(70_001) {
            upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let stored = upload.finish().await.unwrap();
        assert_eq!(stored.digest, Digest::of(&data));
        assert_eq!(stored.bytes, 3_000_000);
        assert_eq!(on.uploads().await, 0);
    }
    let digest = Digest::of(&data);
    assert_eq!(on.store.read(digest, 3_000_000).await.unwrap(), data);
    assert_eq!(on.store.verify(digest).await.unwrap().bytes, 3_000_000);
    let under = on
        .store
        .objects_under(&digest.to_string()[..2])
        .await
        .unwrap();
    assert_eq!(under, [digest]);
}

pub(super) async fn an_upload_over_its_limit_or_given_up_leaves_nothing(on: &Fixture) {
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
    on.no_upload_is_left().await;
    let empty = on.store.upload(0).await.unwrap().finish().await.unwrap();
    assert_eq!(
        empty,
        Stored {
            digest: Digest::of(b""),
            bytes: 0
        }
    );
}

pub(super) async fn open_files_are_copied(on: &Fixture) {
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
    assert_eq!(on.uploads().await, 0);
}

pub(super) async fn ranges(on: &Fixture) {
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

pub(super) async fn a_damaged_object_is_found_by_every_whole_reading_and_mended_by_its_bytes(
    on: &Fixture,
) {
    let data = pattern(600_000);
    let digest = on.store.put_bytes(&data).await.unwrap().digest;
    let mut wrong = data.clone();
    wrong[300_000] ^= 1;
    on.damage(digest, &wrong).await;

    let corrupt = |error: StoreError| matches!(error, StoreError::Corrupt { expected, found } if expected == digest && found == Digest::of(&wrong));
    assert!(corrupt(on.store.verify(digest).await.unwrap_err()));
    assert!(corrupt(on.store.read(digest, 600_000).await.unwrap_err()));
    let to = on.base.path().join("rooms/input");
    assert!(corrupt(on.store.fetch(digest, &to).await.unwrap_err()));
    assert!(!to.exists());
    let (reader, _) = on.store.open(digest, None).await.unwrap();
    assert!(corrupt(all(reader).await.unwrap_err()));

    on.damage(digest, b"short").await;
    on.store.put_bytes(&data).await.unwrap();
    assert_eq!(on.store.verify(digest).await.unwrap().bytes, 600_000);
    on.damage(Digest::of(&data), b"").await;
    let (reader, _) = on
        .store
        .open(digest, None)
        .await
        .map_or_else(|error| (Err(error), 0), |(reader, size)| (Ok(reader), size));
    assert!(matches!(reader, Err(StoreError::Corrupt { .. })));
}

pub(super) async fn fetching_places_checked_read_only_bytes(on: &Fixture) {
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

pub(super) async fn what_is_missing_is_said_to_be(on: &Fixture) {
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
    on.store.remove(stored.digest).await.unwrap();
    assert!(on.store.verify(stored.digest).await.is_err());
    on.store.put_bytes(b"12345").await.unwrap();
    let limited = on.store.read(stored.digest, 4).await;
    assert!(matches!(limited, Err(StoreError::TooLarge { limit: 4 })));
}

pub(super) async fn an_upload_of_many_parts_is_one_object(on: &Fixture) {
    // Two parts of 5 MiB and a rest, and exactly two parts.
    for bytes in [11_000_001, 2 * (5 << 20)] {
        let data = pattern(bytes);
        let mut upload = on.store.upload(u64::MAX).await.unwrap();
        for chunk in data.chunks(1 << 20) {
            upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        let stored = upload.finish().await.unwrap();
        assert_eq!(stored.digest, Digest::of(&data));
        assert_eq!(on.store.verify(stored.digest).await.unwrap(), stored);
        let (reader, _) = on
            .store
            .open(stored.digest, Some(5_000_000..6_000_000))
            .await
            .unwrap();
        assert_eq!(all(reader).await.unwrap(), &data[5_000_000..6_000_000]);
        assert_eq!(on.uploads().await, 0);
    }
    let mut upload = on.store.upload(u64::MAX).await.unwrap();
    upload.write(pattern(11_000_000).into()).await.unwrap();
    drop(upload);
    on.no_upload_is_left().await;
}

pub(super) async fn uploads_side_by_side_are_each_whole(on: &Fixture) {
    let uploads = (0..8_u8).map(|one| {
        let store = on.store.clone();
        tokio::spawn(async move {
            // Pairs of the same bytes.
            let data = vec![one / 2; 700_000];
            let stored = store.put_bytes(&data).await.unwrap();
            assert_eq!(store.read(stored.digest, 700_000).await.unwrap(), data);
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
}

pub(super) async fn signed_links_are_for_their_bytes(on: &Fixture) {
    let stored = on.store.put_bytes(b"12345").await.unwrap();
    let ttl = Duration::from_secs(60);
    let url = on
        .store
        .signed_url(stored.digest, "a b", ttl)
        .await
        .unwrap();
    let value = |key: &str| {
        let (_, rest) = url.split_once(&format!("{key}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    assert!(url.starts_with(&format!("/download/{}?name=a%20b", stored.digest)));
    let (expires, signature) = (value("expires").parse().unwrap(), value("signature"));
    let check = |digest| {
        on.store
            .check_signed_url(digest, "a b", expires, &signature)
    };
    assert!(check(stored.digest));
    assert!(!check(Digest::of(b"other")));
}

pub(super) async fn reports_are_found_by_image_and_name(on: &Fixture) {
    let (store, worker) = (&on.store, ReportBucket::Worker);
    let image = format!("sha256:{}", Digest::of(b"image"));
    let name = |time: &str| format!("{image}/{time}.json");
    assert!(store.scans(worker, &image).await.unwrap().is_empty());
    let (older, newer) = (name("2026-01-01T00:00:00Z"), name("2026-01-02T00:00:00.5Z"));
    for (name, data) in [(&newer, "2"), (&older, "x"), (&older, "1")] {
        store.put_scan(worker, name, data.into()).await.unwrap();
    }
    assert_eq!(
        store.scans(worker, &image).await.unwrap(),
        [older.clone(), newer.clone()]
    );
    assert!(store.scans(worker, "sha256:ab").await.unwrap().is_empty());
    assert_eq!(store.scan(worker, &older, 1).await.unwrap(), b"1");
    assert!(matches!(
        store.scan(worker, &newer, 0).await,
        Err(StoreError::TooLarge { limit: 0 })
    ));
    let absent = store.scan(worker, &name("never"), 9).await;
    assert!(matches!(absent, Err(StoreError::NoReport(_))));
    for wrong in ["", "..", "a/../b", "/a", "a//b", "a b", "a\n", "é"] {
        assert!(
            store.put_scan(worker, wrong, Vec::new()).await.is_err(),
            "{wrong}"
        );
    }
}
