//! Keys that take the place of others, and keys that are not believed any more.

use assay_attest::{
    FormerKey, Functionary, KeyId, Part, PublicKey, Revocation, Trust, TrustSignature, Window,
};
use time::{Duration, OffsetDateTime};

use super::{
    OWNER, OWNER_PUBLIC, PLATFORM, PLATFORM_PUBLIC, TRUST,
    folder::{self, error},
    making::{functionary, sign_trust, with_owner, write_layouts},
};
use crate::keys::{KeyError, Place, Role};

/// Which key is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated<'a> {
    /// The owner's.
    Owner,
    /// The platform's.
    Platform,
    /// A functionary's, by its name.
    Functionary(Role, &'a str),
}

impl Rotated<'_> {
    fn file(self) -> String {
        match self {
            Self::Owner => OWNER.to_owned(),
            Self::Platform => PLATFORM.to_owned(),
            Self::Functionary(role, name) => role.file(name),
        }
    }
}

/// Makes a new key that signs from now on; the old one may sign for `overlap` yet. The old private key stays, as a file
/// under another name or as a version in the engine, for services that have not been started again.
pub(in crate::keys) fn rotate(
    place: &Place,
    what: Rotated<'_>,
    overlap: Duration,
) -> Result<PublicKey, KeyError> {
    let dir = place.dir();
    let (owner, mut trust) = with_owner(place)?;
    let now = whole_seconds(OffsetDateTime::now_utc());
    let until = now + overlap;
    if let Rotated::Functionary(role, name) = what {
        must_be_named(place, &trust, &role.functionary(name))?;
    }
    let new = place.successor(&what.file())?;
    let mut signer = &owner;
    let old = match what {
        Rotated::Owner => {
            signer = &new;
            let old = std::mem::replace(&mut trust.owner, new.public().clone());
            trust.former.push(FormerKey {
                // Who pinned the old key takes what the new one signs.
                successor: Some(TrustSignature::of_successor(&owner, new.public())?),
                ..former(Part::Owner, &old, None, until)
            });
            old
        }
        Rotated::Platform => {
            let old = std::mem::replace(&mut trust.platform, new.public().clone());
            let from = trust.platform_since.replace(now);
            trust.former.push(former(Part::Platform, &old, from, until));
            old
        }
        Rotated::Functionary(role, name) => {
            let mut next = functionary(role, name, new.public());
            next.window.from = Some(now);
            let current = trust
                .functionaries
                .iter_mut()
                .find(|one| is_current(one, &next.name));
            let Some(old) = current else {
                return Err(unnamed(place, &next.name));
            };
            old.window.until = Some(until);
            let old = old.key.clone();
            trust.functionaries.push(next);
            old
        }
    };
    let trust = sign_trust(dir, signer, trust)?;
    place.replace(&what.file(), &old, &new)?;
    for (name, key) in [
        (OWNER_PUBLIC, &trust.owner),
        (PLATFORM_PUBLIC, &trust.platform),
    ] {
        folder::replace(&dir.join(name), key.to_pem().as_bytes())?;
    }
    write_layouts(dir, &trust)?;
    Ok(new.public().clone())
}

fn is_current(one: &Functionary, name: &str) -> bool {
    one.name == name && one.window.until.is_none()
}

/// Refuses to make a new key for somebody who has none.
fn must_be_named(place: &Place, trust: &Trust, name: &str) -> Result<(), KeyError> {
    if trust.functionaries.iter().any(|one| is_current(one, name)) {
        return Ok(());
    }
    Err(unnamed(place, name))
}

fn unnamed(place: &Place, name: &str) -> KeyError {
    let reason = format!("names no {name}; `assay keys add` makes one");
    error(&place.dir().join(TRUST), reason)
}

/// Signs a trust file that says that nothing of this key is to be believed, whenever it was signed, and layouts
/// without it.
pub(in crate::keys) fn revoke(place: &Place, keyid: KeyId, reason: &str) -> Result<(), KeyError> {
    let dir = place.dir();
    let (owner, mut trust) = with_owner(place)?;
    let refuse = |reason: String| Err(error(&dir.join(TRUST), reason));
    if [trust.owner.keyid(), trust.platform.keyid()].contains(&keyid) {
        return refuse(format!(
            "{keyid} is in force; replace it first with `assay keys rotate`"
        ));
    }
    if trust.revoked.iter().any(|one| one.keyid == keyid) {
        return refuse(format!("{keyid} is revoked already"));
    }
    trust.revoked.push(Revocation {
        keyid,
        at: whole_seconds(OffsetDateTime::now_utc()),
        reason: reason.to_owned(),
    });
    write_layouts(dir, &sign_trust(dir, &owner, trust)?)
}

fn former(
    part: Part,
    key: &PublicKey,
    from: Option<OffsetDateTime>,
    until: OffsetDateTime,
) -> FormerKey {
    FormerKey {
        part,
        key: key.clone(),
        window: Window {
            from,
            until: Some(until),
        },
        successor: None,
    }
}

fn whole_seconds(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(0).unwrap_or(at)
}
