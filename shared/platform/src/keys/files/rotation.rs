//! Keys that take the place of others, and keys that are not believed any more.

use std::{fs, path::Path};

use assay_attest::{
    FormerKey, Functionary, KeyId, Part, PublicKey, Revocation, SigningKey, TrustSignature, Window,
};
use time::{Duration, OffsetDateTime};

use super::{
    OWNER, OWNER_PUBLIC, PLATFORM, PLATFORM_PUBLIC, TRUST,
    folder::{self, error, file_error},
    making::{functionary, sign_trust, with_owner, write_key, write_layouts},
};
use crate::keys::{KeyError, Role};

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

/// Makes a new key that signs from now on; the old one may sign for `overlap` yet. The old private key stays in the
/// folder under another name, for services that have not been started again.
pub(in crate::keys) fn rotate(
    dir: &Path,
    what: Rotated<'_>,
    overlap: Duration,
) -> Result<PublicKey, KeyError> {
    let (owner, mut trust) = with_owner(dir)?;
    let now = whole_seconds(OffsetDateTime::now_utc());
    let until = now + overlap;
    let new = SigningKey::generate();
    let mut signer = &owner;
    let old = match what {
        Rotated::Owner => {
            signer = &new;
            let old = std::mem::replace(&mut trust.owner, new.public().clone());
            trust.former.push(FormerKey {
                // Who pinned the old key takes what the new one signs.
                successor: Some(TrustSignature::of_successor(&owner, new.public())),
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
            let current =
                |one: &&mut Functionary| one.name == next.name && one.window.until.is_none();
            let Some(old) = trust.functionaries.iter_mut().find(current) else {
                let reason = format!("names no {}; `assay keys add` makes one", next.name);
                return Err(error(&dir.join(TRUST), reason));
            };
            old.window.until = Some(until);
            let old = old.key.clone();
            trust.functionaries.push(next);
            old
        }
    };
    let trust = sign_trust(dir, signer, trust)?;
    replace_key(&dir.join(what.file()), &old, &new)?;
    for (name, key) in [
        (OWNER_PUBLIC, &trust.owner),
        (PLATFORM_PUBLIC, &trust.platform),
    ] {
        folder::replace(&dir.join(name), key.to_pem().as_bytes())?;
    }
    write_layouts(dir, &trust)?;
    Ok(new.public().clone())
}

/// Puts a new private key in the place of the old one, which is kept beside it if it is there.
fn replace_key(path: &Path, old: &PublicKey, new: &SigningKey) -> Result<(), KeyError> {
    if path.exists() {
        let kept = path.with_extension(format!("former-{}.pem", old.keyid().short()));
        fs::rename(path, kept).map_err(file_error(path))?;
    }
    write_key(path, new)
}

/// Signs a trust file that says that nothing of this key is to be believed, whenever it was signed, and layouts
/// without it.
pub(in crate::keys) fn revoke(dir: &Path, keyid: KeyId, reason: &str) -> Result<(), KeyError> {
    let (owner, mut trust) = with_owner(dir)?;
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
