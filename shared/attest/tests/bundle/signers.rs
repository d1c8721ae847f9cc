//! Who has signed.

use super::*;

#[test]
fn only_pinned_keys_count() {
    let (keys, files) = good();
    let stranger = Keys::generate();
    let mut trust = keys.trust().unwrap();
    trust.owner = stranger.owner.public().clone();
    assert_eq!(failed(&verify(&files, &trust)), ["layout-signature"]);
    let mut trust = keys.trust().unwrap();
    trust.platform = stranger.platform.public().clone();
    assert_eq!(
        failed(&verify(&files, &trust)),
        [
            "aibom-detached-signature",
            "aibom-signature",
            "statement-signature",
            "statement-signature",
            "statement-signature"
        ]
    );
    // A bundle that is consistent in itself, signed by strangers throughout.
    let forged = Job::sample(&stranger).sign(&stranger).unwrap();
    assert!(verify(&forged, &keys.trust().unwrap()).has_failed());
}

#[test]
fn a_link_by_one_who_is_no_functionary_is_refused() {
    let keys = Keys::generate();
    for signer in [&keys.api, &keys.platform, &SigningKey::generate()] {
        let job = Job::sample(&keys);
        let bytes = intoto::sign(&job.training, signer).unwrap();
        let mut files = job.sign(&keys).unwrap();
        files.remove(&link_file_name(RUN_TRAINING, &keys.worker.keyid()));
        files.insert(link_file_name(RUN_TRAINING, &signer.keyid()), bytes);
        let failed = failed(&verify(&files, &keys.trust().unwrap()));
        assert!(failed.contains(&"link-signature".to_owned()), "{failed:?}");
    }
}

#[test]
fn a_second_witness_must_agree() {
    let keys = Keys::generate();
    let second = SigningKey::generate();
    let mut functionaries = keys.functionaries();
    let mut third = functionaries[1].clone();
    third.key = second.public().clone();
    functionaries.push(third);
    let mut job = Job::sample(&keys);
    job.layout =
        assay_attest::platform_layout(&functionaries, now() + assay_attest::LAYOUT_VALIDITY);
    let agreeing = intoto::sign(&job.training, &second).unwrap();
    let mut other: Link = job.training.clone();
    other
        .products
        .insert(output("logs.txt"), Digest::of(b"other"));
    let disagreeing = intoto::sign(&other, &second).unwrap();
    let files = job.sign(&keys).unwrap();
    let trust = keys.trust().unwrap();
    let with = |bytes: Vec<u8>| {
        let mut files = files.clone();
        files.insert(link_file_name(RUN_TRAINING, &second.keyid()), bytes);
        failed(&verify(&files, &trust))
    };
    // The AIBoM names one of them; a second one that it does not name is reported. Provenance is held against either.
    let has = |failed: &[String], name: &str| failed.iter().any(|one| one == name);
    let failed = with(agreeing);
    assert!(has(&failed, "aibom-links") && !has(&failed, "link-threshold"));
    assert!(has(&with(disagreeing), "link-threshold"));
}

#[test]
fn proofs_outlive_a_rotation_and_end_with_a_revocation() {
    let (keys, files) = good();
    let new = Keys::generate();
    let rotated = |until: OffsetDateTime| {
        let mut trust = keys.trust().unwrap();
        let former = |part, key: &SigningKey| FormerKey {
            part,
            key: key.public().clone(),
            window: Window {
                from: None,
                until: Some(until),
            },
            successor: None,
        };
        trust.former = vec![
            former(Part::Owner, &keys.owner),
            former(Part::Platform, &keys.platform),
        ];
        trust.owner = new.owner.public().clone();
        trust.platform = new.platform.public().clone();
        trust.platform_since = Some(until - Duration::days(7));
        trust
    };
    // The old keys sign in their time, also while both are good.
    for until in [now(), now() + Duration::days(3)] {
        let report = verify(&files, &rotated(until));
        assert!(report.is_verified(), "{report:#?}");
    }
    // A layout says itself until when it holds.
    let late = rotated(now() - Duration::days(30));
    assert_eq!(failed(&verify(&files, &late)), ["key-validity"]);
    // What the new keys sign is good, and not what somebody else signed.
    let mixed = Keys {
        owner: new.owner.clone(),
        platform: new.platform.clone(),
        ..Keys::generate()
    };
    let files_of_new = Job::sample(&mixed).sign(&mixed).unwrap();
    assert!(verify(&files_of_new, &rotated(now() + Duration::days(3))).is_verified());
    assert!(verify(&files_of_new, &keys.trust().unwrap()).has_failed());

    for key in [&keys.owner, &keys.api, &keys.worker, &keys.platform] {
        let mut trust = rotated(now());
        trust.revoked.push(Revocation {
            keyid: key.keyid(),
            at: now(),
            reason: "lost".into(),
        });
        let report = verify(&files, &trust);
        assert_eq!(failed(&report), ["key-validity"]);
        let reason = report.not_passed().next().unwrap().detail.clone().unwrap();
        assert!(reason.ends_with("lost"), "{reason}");
    }
}
