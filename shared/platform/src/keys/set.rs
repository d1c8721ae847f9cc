//! The keys of one service, with the trust file that they belong to.

use assay_attest::{PublicKey, SigningKey, Trust};
use time::OffsetDateTime;

use super::{
    FIRST, KeyError, Place, Role,
    files::{PLATFORM, TRUST, folder, read_trust},
    role::is_name,
};
use crate::Service;

/// The keys that a service needs, and no others.
#[derive(Debug)]
pub struct KeySet {
    pub(super) api: Option<SigningKey>,
    pub(super) worker: Option<SigningKey>,
    pub(super) scanner: Option<SigningKey>,
    pub(super) platform: Option<SigningKey>,
    pub(super) trust: Trust,
    pub(super) layout: Vec<u8>,
    pub(super) layout_scan: Option<Vec<u8>>,
}

impl KeySet {
    pub(super) fn open(place: &Place, service: Service, name: &str) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Name(name.to_owned()));
        }
        folder::check(place.dir())?;
        let trust = read_trust(place.dir())?;
        let needed = |role: Role| needed(place, &trust, role, name).map(Some);
        let scanner = match service {
            Service::Scanner => needed(Role::Scanner)?,
            // One process does without a scanner.
            Service::All if has(place, &trust, Role::Scanner, name) => needed(Role::Scanner)?,
            _ => None,
        };
        let api = match service {
            Service::All | Service::Api => needed(Role::Api)?,
            _ => None,
        };
        let (worker, platform) = match service {
            Service::All | Service::Worker => {
                (needed(Role::Worker)?, Some(platform(place, &trust)?))
            }
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
fn needed(place: &Place, trust: &Trust, role: Role, name: &str) -> Result<SigningKey, KeyError> {
    let name = match role {
        Role::Api if name != FIRST && !has(place, trust, role, name) => FIRST,
        _ => name,
    };
    let file = role.file(name);
    let found = place.find(&file, |key| may(trust, key, role.step()))?;
    let whose = || format!("a functionary of {}", role.step());
    let key = found.ok_or_else(|| foreign(place, &file, &whose()))?;
    in_force(place, &file, trust, &key)?;
    Ok(key)
}

fn platform(place: &Place, trust: &Trust) -> Result<SigningKey, KeyError> {
    let found = place.find(PLATFORM, |key| trust.platforms().any(|one| one == key))?;
    let key = found.ok_or_else(|| foreign(place, PLATFORM, "the platform"))?;
    in_force(place, PLATFORM, trust, &key)?;
    Ok(key)
}

/// A service does not sign what no verifier would believe.
fn in_force(place: &Place, file: &str, trust: &Trust, key: &SigningKey) -> Result<(), KeyError> {
    let now = OffsetDateTime::now_utc();
    trust.check_key(key.keyid(), Some(now)).map_err(|refusal| {
        let reason = format!("must not sign now: {refusal}; fetch the key that took its place");
        place.error(file, reason)
    })
}

fn foreign(place: &Place, file: &str, whose: &str) -> KeyError {
    let reason =
        format!("is not the key of {whose} in {TRUST}; the two must come from the same set-up");
    place.error(file, reason)
}

/// Whether there is such a key. An engine tells only those who may read it, so there the trust file is asked.
fn has(place: &Place, trust: &Trust, role: Role, name: &str) -> bool {
    match place {
        Place::Files(dir) => dir.join(role.file(name)).symlink_metadata().is_ok(),
        Place::Vault { .. } => {
            let name = role.functionary(name);
            trust.functionaries.iter().any(|one| one.name == name)
        }
    }
}

/// Whether the trust file names the key for a step.
pub(super) fn may(trust: &Trust, key: &PublicKey, step: &str) -> bool {
    trust.functionaries.iter().any(|functionary| {
        functionary.key == *key && functionary.steps.iter().any(|name| name == step)
    })
}
