mod changes;

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use assay_attest::intoto::{Layout, Signed};
use time::Duration;

use assay_attest::SigningKey;

use super::*;
use crate::{
    Service,
    keys::{KeyError, Keys, Role, write_trust},
};

const API: &str = "api.pem";
const WORKER: &str = "worker.pem";
const SCANNER: &str = "scanner.pem";

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
    let mut ids = [
        keys.api().unwrap(),
        keys.worker().unwrap(),
        keys.platform().unwrap(),
    ]
    .map(SigningKey::keyid);
    ids.sort();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    let left = fs::read_dir(&dir).unwrap().count();
    // Four keys, two public halves, layout, trust file and its copy, note.
    assert_eq!(left, 10, "drafts are left");
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
    assert_eq!(
        after.worker().unwrap().keyid(),
        before.worker().unwrap().keyid()
    );
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
    assert_eq!(platform, keys.platform().unwrap().public().to_pem());
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn every_worker_and_scanner_has_a_key_of_its_own_that_the_layouts_name() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    let keys = Keys::init_with(&dir, 2, true).unwrap();
    Keys::add(&dir, Role::Worker, "gpu-1").unwrap();
    let mut ids = Vec::new();
    for name in ["1", "2", "gpu-1"] {
        let opened = Keys::open_for(&dir, Service::Worker, name).unwrap();
        let layouts = [opened.layout(), opened.layout_with_scan().unwrap()];
        let id = opened.worker().unwrap().keyid();
        for layout in layouts {
            let layout = Signed::<Layout>::parse(layout).unwrap();
            let layout = layout.verify(&keys.trust().owner).unwrap();
            let step = layout.step(assay_attest::RUN_TRAINING).unwrap();
            assert!(step.pubkeys.contains(&id), "{name}");
            assert_eq!(step.pubkeys.len(), 3);
        }
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    for (role, name) in [(Role::Worker, "2"), (Role::Scanner, "1")] {
        let again = Keys::add(&dir, role, name).unwrap_err().to_string();
        assert!(again.contains("another name"), "{again}");
    }
    assert!(matches!(
        Keys::add(&dir, Role::Worker, "../x"),
        Err(KeyError::Name(_))
    ));
    assert!(Keys::init_with(&base.path().join("none"), 0, false).is_err());
}

#[test]
fn a_service_reads_its_own_keys_only() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init_with(&dir, 1, true).unwrap();
    let all = Keys::open(&dir).unwrap();
    all.scanner().unwrap();
    let api = Keys::open_for(&dir, Service::Api, "1").unwrap();
    assert!(api.api().is_ok() && api.worker().is_err() && api.platform().is_err());
    let worker = Keys::open_for(&dir, Service::Worker, "1").unwrap();
    assert!(worker.worker().is_ok() && worker.platform().is_ok() && worker.scanner().is_err());
    let scanner = Keys::open_for(&dir, Service::Scanner, "1").unwrap();
    assert!(scanner.scanner().is_ok() && scanner.worker().is_err() && scanner.api().is_err());
    let missing = Keys::open_for(&dir, Service::Worker, "2").unwrap_err();
    assert!(missing.to_string().contains("worker-2.pem"), "{missing}");
}

#[test]
fn an_export_holds_what_one_service_needs_and_never_the_owners_key() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init_with(&dir, 2, true).unwrap();
    let common = [LAYOUT_SCAN, LAYOUT, OWNER_PUBLIC, PLATFORM_PUBLIC, TRUST];
    for (role, name, service, own) in [
        (Role::Api, "1", Service::Api, vec![API]),
        (Role::Worker, "2", Service::Worker, vec![PLATFORM, WORKER]),
        (Role::Scanner, "1", Service::Scanner, vec![SCANNER]),
    ] {
        let to = base.path().join(role.as_str());
        Keys::export(&dir, role, name, &to).unwrap();
        let mut expected: Vec<&str> = common.iter().copied().chain(own).collect();
        expected.sort_unstable();
        assert_eq!(names(&to), expected);
        assert_eq!(mode(&to), 0o700);
        Keys::open_for(&to, service, "1").unwrap();
        assert!(Keys::open(&to).is_err());
        assert!(Keys::export(&dir, role, name, &to).is_err());
    }
}

#[test]
fn a_folder_without_a_scanner_gets_one_later() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    let before = Keys::init(&dir).unwrap();
    assert!(matches!(
        before.layout_for(true),
        Err(KeyError::NoScanLayout)
    ));
    Keys::add(&dir, Role::Scanner, "1").unwrap();
    let after = Keys::open(&dir).unwrap();
    let layout = Signed::<Layout>::parse(after.layout_for(true).unwrap()).unwrap();
    let layout = layout.verify(&before.trust().owner).unwrap();
    let step = layout.step(assay_attest::SCAN_IMAGE).unwrap();
    assert_eq!(step.pubkeys, [after.scanner().unwrap().keyid()]);
    Keys::reissue_layout(&dir).unwrap();
    assert!(Keys::open(&dir).unwrap().layout_with_scan().is_some());
}

#[test]
fn a_rotated_key_signs_anew_and_the_old_one_for_a_while() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    let before = Keys::init(&dir).unwrap();
    let old = before.trust().clone();
    for what in [
        Rotated::Platform,
        Rotated::Functionary(Role::Worker, "1"),
        Rotated::Owner,
    ] {
        Keys::rotate(&dir, what, Duration::days(7)).unwrap();
    }
    let after = Keys::open(&dir).unwrap();
    let trust = after.trust();
    assert_eq!(trust.version, old.version + 3);
    assert_eq!(trust.platforms().count(), 2);
    assert_eq!(trust.owners().count(), 2);
    assert!(trust.owner != old.owner && trust.platform != old.platform);
    assert_ne!(
        after.worker().unwrap().keyid(),
        before.worker().unwrap().keyid()
    );
    // Who pinned the owner before takes the file, too.
    trust.check_continues(&old.owner).unwrap();
    // New layouts name both workers while both may sign; the old keys' files go on to work in services.
    let layout = Signed::<Layout>::parse(after.layout()).unwrap();
    let layout = layout.verify(&trust.owner).unwrap();
    let step = layout.step(assay_attest::RUN_TRAINING).unwrap();
    assert_eq!(step.pubkeys.len(), 2);
    for (now, part) in [(WORKER, "worker.former"), (PLATFORM, "platform.former")] {
        let former = names(&dir).into_iter().find(|name| name.starts_with(part));
        fs::copy(dir.join(former.unwrap()), dir.join(now)).unwrap();
    }
    Keys::open(&dir).unwrap();
}

#[test]
fn a_key_signs_no_more_when_its_time_is_over_or_it_is_revoked() {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("secrets");
    Keys::init_with(&dir, 2, false).unwrap();
    let worker = |name| Keys::open_for(&dir, Service::Worker, name);
    let keyid = worker("2").unwrap().worker().unwrap().keyid();
    Keys::revoke(&dir, keyid, "its machine was sold").unwrap();
    let refused = worker("2").unwrap_err().to_string();
    assert!(refused.contains("its machine was sold"), "{refused}");
    let trust = worker("1").unwrap().trust().clone();
    let layout = Signed::<Layout>::parse(&trust.layout_file()).unwrap();
    let layout = layout.verify(&trust.owner).unwrap();
    assert!(!layout.keys.contains_key(&keyid));
    assert!(Keys::revoke(&dir, keyid, "again").is_err());
    assert!(Keys::revoke(&dir, trust.platform.keyid(), "in force").is_err());

    Keys::rotate(&dir, Rotated::Platform, Duration::days(-1)).unwrap();
    let former = names(&dir)
        .into_iter()
        .find(|name| name.starts_with("platform.former"))
        .unwrap();
    fs::copy(dir.join(former), dir.join(PLATFORM)).unwrap();
    let refused = worker("1").unwrap_err().to_string();
    assert!(refused.contains("may sign until"), "{refused}");
    assert!(
        Keys::rotate(
            &dir,
            Rotated::Functionary(Role::Scanner, "1"),
            Duration::DAY
        )
        .is_err()
    );
}
