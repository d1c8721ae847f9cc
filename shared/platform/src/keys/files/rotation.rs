//! Keys that take the place of others, and keys that are not believed any more.

use assay_attest::{
    FormerKey, Functionary, KeyId, Part, PublicKey, Revocation, Trust, TrustSignature, Window,
};
use time::{Duration, OffsetDateTime};

use super::{
    OWNER, PLATFORM, TRUST,
    folder::error,
    making::{functionary, sign_trust},
    public::{commit, with_owner},
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
    let (owner, mut trust) = with_owner(place)?;
    let now = whole_seconds(OffsetDateTime::now_utc());
    let until = now + overlap;
    if let Rotated::Functionary(role, name) = what {
        must_be_named(place, &trust, &role.functionary(name))?;
    }
    let new = place.successor(&what.file())?;
    let mut signer = &owner;
    match what {
        Rotated::Owner => {
            signer = &new;
            let old = std::mem::replace(&mut trust.owner, new.public().clone());
            trust.former.push(FormerKey {
                // Who pinned the old key takes what the new one signs.
                successor: Some(TrustSignature::of_successor(&owner, new.public())?),
                ..former(Part::Owner, &old, None, until)
            });
        }
        Rotated::Platform => {
            let old = std::mem::replace(&mut trust.platform, new.public().clone());
            let from = trust.platform_since.replace(now);
            trust.former.push(former(Part::Platform, &old, from, until));
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
            trust.functionaries.push(next);
        }
    }
    let trust = sign_trust(place.dir(), signer, trust)?;
    place.prepare(&what.file(), &new)?;
    commit(place, &trust)?;
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
    let functionaries = trust.functionaries.iter().map(|one| &one.key);
    let former = trust.former.iter().map(|one| &one.key);
    if !functionaries.chain(former).any(|key| key.keyid() == keyid) {
        return refuse(format!(
            "names no key {keyid}; the ids are those that proofs and `assay keys add` show"
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
    commit(place, &sign_trust(dir, &owner, trust)?)
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
