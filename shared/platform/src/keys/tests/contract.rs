use assay_attest::{
    RUN_TRAINING,
    intoto::{self, Layout, Link, Signed},
};

use super::*;

/// What a key signs is what its public half verifies, in every form.
fn signs(key: &SigningKey) {
    let der = key.sign_der(b"message").unwrap();
    key.public().verify_der(b"message", &der).unwrap();
    let raw = key.sign_raw(b"message").unwrap();
    key.public().verify_raw(b"message", &raw).unwrap();
    let link = intoto::sign(&Link::new(RUN_TRAINING, Vec::new()), key).unwrap();
    Signed::<Link>::parse(&link)
        .unwrap()
        .verify(key.public())
        .unwrap();
}

fn worker_of(ground: &Ground, dir: &Path, name: &str) -> Result<Keys, KeyError> {
    let place = ground.service_in(dir, Role::Worker, name);
    Keys::open_for(place, Service::Worker, name)
}

pub(super) fn a_set_up_signs_what_its_trust_file_verifies(ground: &Ground) {
    let keys = Keys::init_with(ground.place(), 1, true).unwrap();
    let trust = read_trust(&ground.dir()).unwrap();
    assert_eq!(&trust, keys.trust());
    let layout = Signed::<Layout>::parse(keys.layout()).unwrap();
    layout.verify(&trust.owner).unwrap();
    let all = [keys.api(), keys.worker(), keys.scanner(), keys.platform()];
    let mut ids = Vec::new();
    for key in all.map(Result::unwrap) {
        // A signature of every low and every high s of an engine's comes by.
        for _ in 0..4 {
            signs(key);
        }
        ids.push(key.keyid());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(keys.held().len(), 4);
}

pub(super) fn a_set_up_is_never_replaced(ground: &Ground) {
    let before = Keys::init(ground.place()).unwrap();
    let again = Keys::init(ground.place()).unwrap_err().to_string();
    assert!(again.contains("never replaced"), "{again}");
    let after = Keys::open(ground.place()).unwrap();
    assert_eq!(after.held(), before.held());
}

pub(super) fn a_service_holds_no_more_than_it_needs(ground: &Ground) {
    Keys::init_with(ground.place(), 2, true).unwrap();
    let dir = ground.dir();
    for (role, service, name, held) in [
        (Role::Api, Service::Api, "1", "api"),
        (Role::Worker, Service::Worker, "2", "worker platform"),
        (Role::Scanner, Service::Scanner, "1", "scanner"),
    ] {
        let keys = Keys::open_for(ground.service_in(&dir, role, name), service, name).unwrap();
        let roles: Vec<_> = keys.held().into_iter().map(|one| one.role).collect();
        assert_eq!(roles.join(" "), held);
        let all = [keys.api(), keys.worker(), keys.scanner(), keys.platform()];
        for key in all.into_iter().flatten() {
            signs(key);
        }
    }
    assert!(worker_of(ground, &dir, "3").is_err());
}

pub(super) fn a_key_that_is_added_is_named_by_new_layouts(ground: &Ground) {
    let before = Keys::init(ground.place()).unwrap();
    let key = Keys::add(ground.place(), Role::Worker, "late").unwrap();
    let keys = worker_of(ground, &ground.dir(), "late").unwrap();
    assert_eq!(keys.worker().unwrap().public(), &key);
    assert_eq!(keys.trust().version, before.trust().version + 1);
    let layout = Signed::<Layout>::parse(keys.layout()).unwrap();
    let layout = layout.verify(&before.trust().owner).unwrap();
    assert!(layout.keys.contains_key(&key.keyid()));
    let again = Keys::add(ground.place(), Role::Worker, "late").unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");
    assert!(Keys::add(ground.place(), Role::Worker, "../x").is_err());
}

pub(super) fn a_rotated_key_signs_anew_and_the_old_one_where_it_is_still_named(ground: &Ground) {
    let before = Keys::init(ground.place()).unwrap();
    // A machine of its own that has not heard of it.
    let elsewhere = ground.base.path().join("elsewhere");
    Keys::export(ground.place(), Role::Worker, "1", &elsewhere).unwrap();
    for what in [
        Rotated::Functionary(Role::Worker, "1"),
        Rotated::Platform,
        Rotated::Functionary(Role::Api, "1"),
        Rotated::Owner,
        Rotated::Owner,
    ] {
        Keys::rotate(ground.place(), what, Duration::days(7)).unwrap();
    }
    let nobody = Rotated::Functionary(Role::Scanner, "1");
    assert!(Keys::rotate(ground.place(), nobody, Duration::DAY).is_err());
    let after = Keys::open(ground.place()).unwrap();
    assert_eq!(after.trust().version, before.trust().version + 5);
    after
        .trust()
        .check_continues(&before.trust().owner)
        .unwrap();
    for (new, old) in after.held().iter().zip(before.held()) {
        assert_ne!(new.keyid, old.keyid);
    }
    signs(after.worker().unwrap());
    signs(after.platform().unwrap());
    let still = worker_of(ground, &elsewhere, "1").unwrap();
    let (old, new) = (still.worker().unwrap(), after.worker().unwrap());
    assert_eq!(old.keyid(), before.worker().unwrap().keyid());
    signs(old);
    for key in [old, new] {
        let now = time::OffsetDateTime::now_utc();
        after.trust().check_key(key.keyid(), Some(now)).unwrap();
    }
    // The new owner goes on where the first was.
    Keys::reissue_layout(ground.place()).unwrap();
}

pub(super) fn a_revoked_key_signs_no_more(ground: &Ground) {
    let keys = Keys::init_with(ground.place(), 2, false).unwrap();
    let keyid = worker_of(ground, &ground.dir(), "2")
        .unwrap()
        .worker()
        .unwrap()
        .keyid();
    Keys::revoke(ground.place(), keyid, "its machine was sold").unwrap();
    let refused = worker_of(ground, &ground.dir(), "2").unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("its machine was sold"), "{refused}");
    signs(keys.worker().unwrap());
    Keys::rotate(
        ground.place(),
        Rotated::Functionary(Role::Worker, "2"),
        Duration::ZERO,
    )
    .unwrap();
    let new = worker_of(ground, &ground.dir(), "2").unwrap();
    assert_ne!(new.worker().unwrap().keyid(), keyid);
}

pub(super) fn what_is_exported_is_enough_for_its_service(ground: &Ground) {
    Keys::init_with(ground.place(), 2, true).unwrap();
    for (role, service, name) in [
        (Role::Api, Service::Api, "1"),
        (Role::Worker, Service::Worker, "2"),
        (Role::Scanner, Service::Scanner, "1"),
    ] {
        let to = ground.base.path().join(role.as_str());
        Keys::export(ground.place(), role, name, &to).unwrap();
        // A file becomes the first of its folder; an engine's key keeps its name.
        let place = ground.service_in(&to, role, name);
        let name = if place.engine().is_some() {
            name
        } else {
            FIRST
        };
        let keys = Keys::open_for(place, service, name).unwrap();
        assert!(!keys.held().is_empty());
        assert!(Keys::export(ground.place(), role, name, &to).is_err());
    }
}
