use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use assay_attest::intoto::{Layout, Signed};

use super::*;
use crate::keys::{Keys, write_trust};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn init_makes_keys_that_only_their_owner_can_read_and_a_signed_layout() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    assert!(!Keys::exist(&dir));
    let keys = Keys::init(&dir).unwrap();
    assert!(Keys::exist(&dir));
    assert_eq!(mode(&dir), 0o700);
    for name in [OWNER, API, WORKER, PLATFORM] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    let layout = Signed::<Layout>::parse(keys.layout()).unwrap();
    layout.verify(&keys.trust().owner).unwrap();
    assert_eq!(fs::read(dir.join(LAYOUT)).unwrap(), keys.layout());
    assert_eq!(
        fs::read_to_string(dir.join(OWNER_PUBLIC)).unwrap(),
        keys.trust().owner.to_pem()
    );
    let mut ids = [keys.api(), keys.worker(), keys.platform()].map(SigningKey::keyid);
    ids.sort();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    let left = fs::read_dir(&dir).unwrap().count();
    assert_eq!(left, ALL.len() + 1, "drafts are left");
}

#[test]
fn init_refuses_what_exists() {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), Permissions::from_mode(0o700)).unwrap();
    fs::write(base.path().join("README.md"), "other files do not matter").unwrap();
    Keys::init(base.path()).unwrap();
    let before = fs::read(base.path().join(OWNER)).unwrap();
    let refused = Keys::init(base.path()).unwrap_err().to_string();
    assert!(refused.contains("never replaced"), "{refused}");
    assert_eq!(fs::read(base.path().join(OWNER)).unwrap(), before);
}

#[test]
fn init_refuses_a_folder_that_others_can_enter() {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), Permissions::from_mode(0o755)).unwrap();
    let refused = Keys::init(base.path()).unwrap_err().to_string();
    assert!(refused.contains("0700"), "{refused}");
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init(&dir).unwrap();
    for wrong in [0o640, 0o604] {
        fs::set_permissions(dir.join(WORKER), Permissions::from_mode(wrong)).unwrap();
        let refused = Keys::open(&dir).unwrap_err().to_string();
        assert!(
            refused.contains("worker.pem") && refused.contains("0600"),
            "{refused}"
        );
    }
}

#[test]
fn folders_and_files_that_others_could_replace_are_refused() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init(&dir).unwrap();
    fs::set_permissions(&dir, Permissions::from_mode(0o770)).unwrap();
    let refused = Keys::open(&dir).unwrap_err().to_string();
    assert!(refused.contains("chmod go-w"), "{refused}");
    fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
    for name in [API, TRUST] {
        let (path, elsewhere) = (dir.join(name), base.path().join(name));
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        let refused = Keys::open(&dir).unwrap_err().to_string();
        assert!(refused.contains("symbolic link"), "{refused}");
        fs::rename(&elsewhere, &path).unwrap();
    }
    Keys::open(&dir).unwrap();
}

#[test]
fn services_do_without_the_owners_key() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init(&dir).unwrap();
    fs::remove_file(dir.join(OWNER)).unwrap();
    Keys::open(&dir).unwrap();
    assert!(Keys::reissue_layout(&dir).is_err());
}

#[test]
fn a_key_of_another_set_up_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let (one, two) = (base.path().join("one"), base.path().join("two"));
    Keys::init(&one).unwrap();
    Keys::init(&two).unwrap();
    for name in [API, WORKER, PLATFORM] {
        let own = fs::read(one.join(name)).unwrap();
        fs::copy(two.join(name), one.join(name)).unwrap();
        let refused = Keys::open(&one).unwrap_err().to_string();
        assert!(refused.contains("same set-up"), "{refused}");
        fs::write(one.join(name), own).unwrap();
    }
    fs::copy(two.join(OWNER), one.join(OWNER)).unwrap();
    assert!(Keys::reissue_layout(&one).is_err());
    fs::write(one.join(API), "no key").unwrap();
    assert!(
        Keys::open(&one)
            .unwrap_err()
            .to_string()
            .contains("PKCS #8")
    );
}

#[test]
fn a_reissued_layout_is_signed_by_the_same_owner_for_the_same_functionaries() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    let before = Keys::init(&dir).unwrap();
    Keys::reissue_layout(&dir).unwrap();
    let after = Keys::open(&dir).unwrap();
    assert_eq!(after.trust().owner, before.trust().owner);
    assert_eq!(after.trust().functionaries, before.trust().functionaries);
    assert_eq!(after.worker().keyid(), before.worker().keyid());
    Signed::<Layout>::parse(after.layout())
        .unwrap()
        .verify(&before.trust().owner)
        .unwrap();
}

#[test]
fn the_trust_folder_can_be_read_again() {
    let base = tempfile::tempdir().unwrap();
    let keys = Keys::init(&base.path().join("secrets")).unwrap();
    let trust = base.path().join("trust");
    write_trust(keys.trust(), &trust).unwrap();
    write_trust(keys.trust(), &trust).unwrap();
    let read = Trust::from_json(&fs::read(trust.join(TRUST)).unwrap()).unwrap();
    assert_eq!(&read, keys.trust());
    let platform = fs::read_to_string(trust.join(PLATFORM_PUBLIC)).unwrap();
    assert_eq!(platform, keys.platform().public().to_pem());
}
