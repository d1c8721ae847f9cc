//! What is public of a set-up: `trust.json`, and the layouts and keys in it as files of their own.

use std::path::Path;

use assay_attest::{SigningKey, Trust};

use super::{
    LAYOUT, LAYOUT_SCAN, OWNER, OWNER_PUBLIC, OWNER_TRUST, PLATFORM_PUBLIC, TRUST,
    folder::{self, error, file_error, read_public},
    read_trust,
};
use crate::keys::{KeyError, Place};

/// The owner's key and the newest trust file that it signed. A change that was broken off is brought to its end, or
/// undone if it never counted.
pub(super) fn with_owner(place: &Place) -> Result<(SigningKey, Trust), KeyError> {
    let dir = place.dir();
    folder::check(dir)?;
    let trust = read_trust(dir)?;
    let path = dir.join(OWNER_TRUST);
    if path.symlink_metadata().is_ok() {
        let last = Trust::from_json(&read_public(&path)?).map_err(file_error(&path))?;
        trust.check_follows(&last).map_err(|older| {
            let reason = format!(
                "{older}; put the last one back, from {OWNER_TRUST} or from a service (`GET /trust`)"
            );
            error(&dir.join(TRUST), reason)
        })?;
    }
    place.promote(&trust)?;
    settle(dir, &trust)?;
    let owner = place.find(OWNER, |key| *key == trust.owner)?;
    let foreign = || place.error(OWNER, format!("is not the owner's key of {TRUST}"));
    Ok((owner.ok_or_else(foreign)?, trust))
}

/// Puts a new trust file in force. It counts from the moment that `trust.json` is there; the rest follows from it, and
/// the next change makes up for what is missing.
pub(super) fn commit(place: &Place, trust: &Trust) -> Result<(), KeyError> {
    let dir = place.dir();
    write_trust_file(dir, trust)?;
    remember(dir, trust)?;
    place.promote(trust)?;
    settle(dir, trust)
}

/// Writes all of it to a folder that has none of it: `trust.json` last, so that a folder that has it is whole.
pub(in crate::keys) fn write_whole(dir: &Path, trust: &Trust) -> Result<(), KeyError> {
    settle(dir, trust)?;
    write_trust_file(dir, trust)
}

/// Keeps what the owner signed last, to be told from what was put in its place.
pub(super) fn remember(dir: &Path, trust: &Trust) -> Result<(), KeyError> {
    write_json(&dir.join(OWNER_TRUST), trust)
}

/// Writes owner.pub, platform.pub and trust.json for those who verify.
pub(in crate::keys) fn write_trust(trust: &Trust, dir: &Path) -> Result<(), KeyError> {
    std::fs::create_dir_all(dir).map_err(file_error(dir))?;
    for (name, key) in [
        (OWNER_PUBLIC, &trust.owner),
        (PLATFORM_PUBLIC, &trust.platform),
    ] {
        folder::replace(&dir.join(name), key.to_pem().as_bytes())?;
    }
    write_trust_file(dir, trust)
}

/// Makes the files that follow from the trust file what they should be.
fn settle(dir: &Path, trust: &Trust) -> Result<(), KeyError> {
    let keys = [
        (OWNER_PUBLIC, &trust.owner),
        (PLATFORM_PUBLIC, &trust.platform),
    ];
    let keys = keys.map(|(name, key)| (name, Some(key.to_pem().as_bytes().to_vec())));
    let layouts = [
        (LAYOUT, Some(trust.layout_file())),
        (LAYOUT_SCAN, trust.layout_scan_file()),
    ];
    for (name, bytes) in keys.into_iter().chain(layouts) {
        let path = dir.join(name);
        match bytes {
            Some(bytes) if read_public(&path).is_ok_and(|there| there == bytes) => {}
            Some(bytes) => folder::replace(&path, &bytes)?,
            // Of a scanner whose key is no more.
            None if path.symlink_metadata().is_ok() => {
                std::fs::remove_file(&path).map_err(file_error(&path))?;
            }
            None => {}
        }
    }
    Ok(())
}

fn write_trust_file(dir: &Path, trust: &Trust) -> Result<(), KeyError> {
    write_json(&dir.join(TRUST), trust)
}

fn write_json(path: &Path, trust: &Trust) -> Result<(), KeyError> {
    let text = trust.to_json().map_err(file_error(path))?;
    folder::replace(path, text.as_bytes())
}
