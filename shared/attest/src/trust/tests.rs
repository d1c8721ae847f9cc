use time::macros::datetime;

use super::*;
use crate::{Digest, INGEST, SigningKey, intoto::sign, platform_layout};

/// A trust file of `owner`, its layout signed by `signer`, not signed itself.
fn trust(signer: &SigningKey, owner: &SigningKey) -> Trust {
    let functionary = Functionary {
        name: "api".into(),
        key: owner.public().clone(),
        steps: vec![INGEST.into()],
        window: Window::default(),
    };
    let layout = platform_layout(
        std::slice::from_ref(&functionary),
        datetime!(2036-01-01 0:00 UTC),
    );
    let layout: Value = serde_json::from_slice(&sign(&layout, signer).unwrap()).unwrap();
    let [owner, platform] = [owner, owner].map(|key| key.public().clone());
    Trust::new(
        owner,
        platform,
        vec![functionary],
        layout.clone(),
        Some(layout),
    )
}

fn new_trust(owner: &SigningKey) -> Trust {
    trust(owner, owner)
}

fn read(trust: &Trust) -> Result<Trust, TrustError> {
    Trust::from_json(trust.to_json().unwrap().as_bytes())
}

#[test]
fn the_file_round_trips_and_keeps_the_layouts_bytes() {
    let key = SigningKey::generate();
    let mut trust = trust(&key, &key);
    trust.sign(&key).unwrap();
    let again = read(&trust).unwrap();
    assert_eq!(again, trust);
    assert_eq!(
        Digest::of(&again.layout_file()),
        Digest::of(&jcs(&trust.layout))
    );
}

#[test]
fn a_layout_of_another_owner_and_unknown_members_are_refused() {
    let [key, other] = std::array::from_fn(|_| SigningKey::generate());
    let mut foreign = trust(&other, &key);
    foreign.sign(&key).unwrap();
    assert!(matches!(read(&foreign), Err(TrustError::Layout(_))));
    let mut mixed = trust(&key, &key);
    mixed.layout_scan = foreign.layout_scan;
    mixed.sign(&key).unwrap();
    assert!(matches!(read(&mixed), Err(TrustError::Layout(_))));
    let mut good = trust(&key, &key);
    good.sign(&key).unwrap();
    let mut value: Value = serde_json::from_str(&good.to_json().unwrap()).unwrap();
    value["extra"] = 1.into();
    assert!(matches!(
        Trust::from_json(value.to_string().as_bytes()),
        Err(TrustError::Shape(_))
    ));
}

#[test]
fn only_what_the_owner_signed_is_read() {
    let [key, other] = std::array::from_fn(|_| SigningKey::generate());
    let mut trust = trust(&key, &key);
    assert!(matches!(read(&trust), Err(TrustError::Unsigned(_))));
    trust.sign(&other).unwrap();
    assert!(matches!(read(&trust), Err(TrustError::Unsigned(_))));
    trust.sign(&key).unwrap();
    assert!(read(&trust).is_ok());
    trust.check_signed_by(other.public()).unwrap();
    // A change to any member breaks it.
    let changes: [fn(&mut Trust); 4] = [
        |trust| trust.version += 1,
        |trust| trust.platform_since = Some(datetime!(2026-01-01 0:00 UTC)),
        |trust| trust.functionaries[0].steps.clear(),
        |trust| trust.functionaries.clear(),
    ];
    for change in changes {
        let mut changed = trust.clone();
        change(&mut changed);
        assert!(matches!(read(&changed), Err(TrustError::Signature(_))));
    }
}

#[test]
fn keys_count_in_their_time_and_until_they_are_revoked() {
    let [key, old, other] = std::array::from_fn(|_| SigningKey::generate());
    let mut trust = trust(&key, &key);
    let [before, at, after] = [
        datetime!(2026-01-01 0:00 UTC),
        datetime!(2026-02-01 0:00 UTC),
        datetime!(2026-03-01 0:00 UTC),
    ];
    trust.former.push(FormerKey {
        part: Part::Platform,
        key: old.public().clone(),
        window: Window {
            from: None,
            until: Some(at),
        },
        successor: None,
    });
    trust.platform_since = Some(at);
    let holds = |trust: &Trust, key: &SigningKey, time| trust.check_key(key.keyid(), Some(time));
    for time in [before, at] {
        assert!(holds(&trust, &old, time).is_ok());
    }
    let late = holds(&trust, &old, after).unwrap_err().to_string();
    assert!(late.contains("until 2026-02-01T00:00:00Z"), "{late}");
    assert!(holds(&trust, &key, after).is_ok());
    assert!(holds(&trust, &key, before).is_err());
    assert!(trust.check_key(key.keyid(), None).is_ok());
    // Of other keys the layouts alone speak.
    assert!(holds(&trust, &other, before).is_ok());
    trust.revoked.push(Revocation {
        keyid: old.keyid(),
        at,
        reason: "the machine was stolen".into(),
    });
    let revoked = holds(&trust, &old, before).unwrap_err().to_string();
    assert!(revoked.contains("the machine was stolen"), "{revoked}");
}

#[test]
fn owners_follow_one_another() {
    let [first, second, third, stranger] = std::array::from_fn(|_| SigningKey::generate());
    let former = |old: &SigningKey, next: &SigningKey| FormerKey {
        part: Part::Owner,
        key: old.public().clone(),
        window: Window::default(),
        successor: Some(TrustSignature::of_successor(old, next.public()).unwrap()),
    };
    let mut trust = new_trust(&third);
    trust.former = vec![former(&first, &second), former(&second, &third)];
    trust.sign(&third).unwrap();
    for owner in [&first, &second, &third] {
        trust.check_continues(owner.public()).unwrap();
    }
    assert!(trust.check_continues(stranger.public()).is_err());
    // A stranger's file that names the old owners, and a circle.
    let mut forged = new_trust(&stranger);
    forged.former = trust.former.clone();
    forged.former.push(former(&third, &first));
    forged.sign(&stranger).unwrap();
    assert!(forged.check_continues(first.public()).is_err());
}
