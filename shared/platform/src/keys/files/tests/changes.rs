//! Changes that are broken off, and trust files that are not the owner's last.

use std::path::PathBuf;

use super::*;

/// The set-up after a platform's rotation, and what was there before it.
fn rotated(base: &Path) -> (PathBuf, Vec<u8>) {
    let dir = base.join("secrets");
    Keys::init(&dir).unwrap();
    let before = fs::read(dir.join(TRUST)).unwrap();
    Keys::rotate(&dir, Rotated::Platform, Duration::days(7)).unwrap();
    (dir, before)
}

#[test]
fn the_owner_signs_nothing_over_a_trust_file_that_is_not_its_last() {
    let base = tempfile::tempdir().unwrap();
    let (dir, before) = rotated(base.path());
    let path = dir.join(TRUST);
    let now = fs::read_to_string(&path).unwrap();
    let edited = now.replace("\"worker-1\"", "\"worker-9\"");
    assert_ne!(edited, now);
    for other in [before.as_slice(), edited.as_bytes()] {
        fs::write(&path, other).unwrap();
        for refused in [
            Keys::reissue_layout(&dir).unwrap_err(),
            Keys::add(&dir, Role::Worker, "2").unwrap_err(),
            Keys::rotate(&dir, Rotated::Owner, Duration::ZERO).unwrap_err(),
        ] {
            assert!(refused.to_string().contains("trust.json"), "{refused}");
        }
        assert_eq!(fs::read(&path).unwrap(), other);
    }
    fs::copy(dir.join(OWNER_TRUST), &path).unwrap();
    Keys::add(&dir, Role::Worker, "2").unwrap();
}

#[test]
fn a_change_that_was_broken_off_is_undone_or_brought_to_its_end() {
    for what in [
        Rotated::Owner,
        Rotated::Platform,
        Rotated::Functionary(Role::Worker, "1"),
    ] {
        let base = tempfile::tempdir().unwrap();
        let (dir, _) = rotated(base.path());
        let stand = |name: &str| base.path().join(name);
        copy(&dir, &stand("before"));
        // A folder in the place of a file: whatever is written in its place fails.
        for blocked in [TRUST, LAYOUT, OWNER_TRUST] {
            let here = stand(blocked);
            copy(&stand("before"), &here);
            fs::rename(here.join(blocked), stand("away")).unwrap();
            fs::create_dir(here.join(blocked)).unwrap();
            let failed = Keys::rotate(&here, what, Duration::days(7)).is_err();
            fs::remove_dir(here.join(blocked)).unwrap();
            fs::rename(stand("away"), here.join(blocked)).unwrap();
            assert!(failed || blocked == OWNER_TRUST, "{what:?} {blocked}");
            Keys::rotate(&here, what, Duration::days(7)).unwrap();
            Keys::open(&here).unwrap();
            assert!(names(&here).iter().all(|name| !name.contains(".next.")));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    super::folder::make(to).unwrap();
    for name in names(from) {
        fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}

#[test]
fn a_key_that_nobody_knows_is_not_revoked() {
    let base = tempfile::tempdir().unwrap();
    let (dir, _) = rotated(base.path());
    let stranger = SigningKey::generate().keyid();
    assert!(Keys::revoke(&dir, stranger, "a typo").is_err());
}
