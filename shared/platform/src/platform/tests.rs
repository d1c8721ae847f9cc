use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    db::tests::contract,
    job::{Artifact, NewJob},
    store::Stored,
};

async fn open(dir: &Path) -> Platform {
    Platform::open(Config::in_dir(dir).unwrap()).await.unwrap()
}

fn object(dir: &Path, digest: Digest) -> PathBuf {
    let name = digest.to_string();
    dir.join("store/objects").join(&name[..2]).join(&name[2..])
}

/// A job whose one artifact is this object.
fn job_of(stored: Stored) -> NewJob {
    let mut job = contract::new_job("of one object");
    job.artifacts.truncate(1);
    for Artifact { digest, bytes, .. } in &mut job.artifacts {
        *digest = stored.digest;
        *bytes = stored.bytes;
    }
    job
}

#[tokio::test]
async fn one_process_at_a_time() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    let first = open(&dir).await;
    let second = Platform::open(Config::in_dir(&dir).unwrap()).await;
    assert!(matches!(second, Err(PlatformError::Locked(_))));
    let keyid = first.keys.platform().unwrap().keyid();
    let url = first
        .store
        .signed_url(Digest::of(b""), "x", Duration::from_secs(60))
        .await
        .unwrap();
    first.close().await;
    drop(first);
    let again = open(&dir).await;
    assert_eq!(again.keys.platform().unwrap().keyid(), keyid);
    let (_, signature) = url.rsplit_once('=').unwrap();
    let (_, expires) = url.split_once("expires=").unwrap();
    let expires = expires.split('&').next().unwrap().parse().unwrap();
    assert!(
        again
            .store
            .check_signed_url(Digest::of(b""), "x", expires, signature)
    );
}

#[tokio::test]
async fn what_is_secret_is_its_owners() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    let _platform = open(&dir).await;
    for name in [
        "",
        "secrets",
        "store",
        "store/objects",
        "store/uploads",
        "rooms",
    ] {
        let mode = fs::metadata(dir.join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700, "{name}");
    }
    for name in ["secrets/download.key", "lock", "assay.db"] {
        let mode = fs::metadata(dir.join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_folder_that_others_can_write_to_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    open(&dir).await.close().await;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = Platform::open(Config::in_dir(&dir).unwrap()).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("chmod go-w"), "{refused}");
}

#[tokio::test]
async fn lost_keys_are_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    open(&dir).await.close().await;
    fs::remove_dir_all(dir.join("secrets")).unwrap();
    let refused = Platform::open(Config::in_dir(&dir).unwrap()).await;
    assert!(matches!(refused, Err(PlatformError::Keys(_))));
}

#[tokio::test]
async fn opening_removes_what_a_killed_process_left() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    let platform = open(&dir).await;
    let named = platform.store.put_bytes(b"named").await.unwrap();
    let unnamed = platform.store.put_bytes(b"unnamed").await.unwrap();
    platform.db.insert_job(&job_of(named)).await.unwrap();
    platform.close().await;
    drop(platform);
    fs::write(dir.join("store/uploads/half"), "half").unwrap();
    fs::create_dir_all(dir.join("rooms/room-7/out")).unwrap();

    let _platform = open(&dir).await;
    assert!(object(&dir, named.digest).exists());
    assert!(!object(&dir, unnamed.digest).exists());
    assert!(!dir.join("store/uploads/half").exists());
    assert!(!dir.join("rooms/room-7").exists());
}

#[tokio::test]
async fn releasing_removes_what_nobody_needs() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("data");
    let platform = open(&dir).await;
    let exists = |stored: Stored| object(&dir, stored.digest).exists();

    let refused = platform.store.put_bytes(b"refused").await.unwrap();
    platform.release(refused.digest).await.unwrap();
    assert!(!exists(refused));

    // Two requests with the same file: the first is refused, the second comes about.
    let shared = platform.store.put_bytes(b"shared").await.unwrap();
    platform.store.put_bytes(b"shared").await.unwrap();
    platform.release(shared.digest).await.unwrap();
    assert!(exists(shared));
    platform.db.insert_job(&job_of(shared)).await.unwrap();
    assert!(exists(shared));

    // Later another request with that file is refused.
    platform.store.put_bytes(b"shared").await.unwrap();
    platform.release(shared.digest).await.unwrap();
    assert!(exists(shared));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_job_loses_its_file_to_a_refused_twin() {
    let base = tempfile::tempdir().unwrap();
    let platform = open(&base.path().join("data")).await;
    for round in 0..30_u8 {
        let twins = (0..4).map(|twin| {
            let platform = platform.clone();
            tokio::spawn(async move {
                let stored = platform.store.put_bytes(&[round]).await.unwrap();
                if twin % 2 == 0 {
                    platform.release(stored.digest).await.unwrap();
                } else {
                    platform.db.insert_job(&job_of(stored)).await.unwrap();
                }
            })
        });
        for twin in twins.collect::<Vec<_>>() {
            twin.await.unwrap();
        }
        platform.store.verify(Digest::of(&[round])).await.unwrap();
    }
}
