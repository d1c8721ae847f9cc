//! Keys as PEM files.

mod folder;
mod making;
mod rotation;

use std::path::Path;

use assay_attest::{PublicKey, SigningKey, Trust};
use time::OffsetDateTime;

use super::{FIRST, KeyError, Role, role::is_name};
use crate::Service;
use folder::{error, file_error, read_public, read_secret};

pub(super) use making::{add, exist, export, init, reissue_layout, write_trust};
pub use rotation::Rotated;
pub(super) use rotation::{revoke, rotate};

const OWNER: &str = "owner.pem";
const PLATFORM: &str = "platform.pem";
const OWNER_PUBLIC: &str = "owner.pub";
const PLATFORM_PUBLIC: &str = "platform.pub";
const LAYOUT: &str = "layout.json";
const LAYOUT_SCAN: &str = "layout-scan.json";
const TRUST: &str = "trust.json";
const NOTE: &str = "README.txt";

/// Keys read from a folder: those that the service needs.
#[derive(Debug)]
pub struct KeyFiles {
    pub(super) api: Option<SigningKey>,
    pub(super) worker: Option<SigningKey>,
    pub(super) scanner: Option<SigningKey>,
    pub(super) platform: Option<SigningKey>,
    pub(super) trust: Trust,
    pub(super) layout: Vec<u8>,
    pub(super) layout_scan: Option<Vec<u8>>,
}

impl KeyFiles {
    pub(super) fn open(dir: &Path, service: Service, name: &str) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        folder::check(dir)?;
        let trust = read_trust(dir)?;
        let needed = |role: Role| needed(dir, &trust, role, name).map(Some);
        let scanner = match service {
            Service::Scanner => needed(Role::Scanner)?,
            // One process does without a scanner.
            Service::All if has(dir, Role::Scanner, name) => needed(Role::Scanner)?,
            _ => None,
        };
        let api = match service {
            Service::All | Service::Api => needed(Role::Api)?,
            _ => None,
        };
        let (worker, platform) = match service {
            Service::All | Service::Worker => (needed(Role::Worker)?, Some(platform(dir, &trust)?)),
            _ => (None, None),
        };
        Ok(Self {
            api,
            worker,
            scanner,
            platform,
            layout: trust.layout_file(),
            layout_scan: trust.layout_scan_file(),
            trust,
        })
    }
}

/// The key of a role, which must be one that the trust file names for the role's step. In one process the API has but
/// one key, whatever the worker's name.
fn needed(dir: &Path, trust: &Trust, role: Role, name: &str) -> Result<SigningKey, KeyError> {
    let own = dir.join(role.file(name));
    let path = if role == Role::Api && own.symlink_metadata().is_err() {
        dir.join(role.file(FIRST))
    } else {
        own
    };
    let key = read_key(&path)?;
    if may(trust, key.public(), role.step()) {
        in_force(&path, trust, &key)?;
        return Ok(key);
    }
    Err(foreign(&path, &format!("a functionary of {}", role.step())))
}

fn platform(dir: &Path, trust: &Trust) -> Result<SigningKey, KeyError> {
    let path = dir.join(PLATFORM);
    let key = read_key(&path)?;
    if trust.platforms().any(|one| one == key.public()) {
        in_force(&path, trust, &key)?;
        Ok(key)
    } else {
        Err(foreign(&path, "the platform"))
    }
}

/// A service does not sign what no verifier would believe.
fn in_force(path: &Path, trust: &Trust, key: &SigningKey) -> Result<(), KeyError> {
    let now = OffsetDateTime::now_utc();
    trust.check_key(key.keyid(), Some(now)).map_err(|refusal| {
        error(
            path,
            format!("must not sign now: {refusal}; fetch the key that took its place"),
        )
    })
}

fn foreign(path: &Path, whose: &str) -> KeyError {
    error(
        path,
        format!(
            "is not the key of {whose} in {TRUST}; the two files must come from the same set-up"
        ),
    )
}

fn has(dir: &Path, role: Role, name: &str) -> bool {
    dir.join(role.file(name)).symlink_metadata().is_ok()
}

fn may(trust: &Trust, key: &PublicKey, step: &str) -> bool {
    trust.functionaries.iter().any(|functionary| {
        functionary.key == *key && functionary.steps.iter().any(|name| name == step)
    })
}

pub(super) fn read_trust(dir: &Path) -> Result<Trust, KeyError> {
    let path = dir.join(TRUST);
    Trust::from_json(&read_public(&path)?).map_err(file_error(&path))
}

fn read_key(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(&read_secret(path)?).map_err(file_error(path))
}

#[cfg(test)]
mod tests;
