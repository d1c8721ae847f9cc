//! Keys as PEM files.

mod folder;

use std::path::Path;

use assay_attest::{
    Functionary, INGEST, LAYOUT_VALIDITY, PublicKey, RUN_TRAINING, SigningKey, Trust, intoto,
    platform_layout,
};
use time::OffsetDateTime;

use super::KeyError;
use folder::{Access, error, file_error, read_public, read_secret};

const OWNER: &str = "owner.pem";
const API: &str = "api.pem";
const WORKER: &str = "worker.pem";
const PLATFORM: &str = "platform.pem";
const OWNER_PUBLIC: &str = "owner.pub";
const PLATFORM_PUBLIC: &str = "platform.pub";
const LAYOUT: &str = "layout.json";
const TRUST: &str = "trust.json";
const NOTE: &str = "README.txt";

/// Every file but the note, `trust.json` last: a folder that has it is whole.
const ALL: [&str; 8] = [
    OWNER,
    API,
    WORKER,
    PLATFORM,
    OWNER_PUBLIC,
    PLATFORM_PUBLIC,
    LAYOUT,
    TRUST,
];

const NOTE_TEXT: &str = "\
owner.pem signs layouts, and nothing else. No service reads it. Move it to a medium that is kept offline, and bring
it back only for `assay keys layout`.

api.pem, worker.pem and platform.pem are what the services sign with; they stay here, readable by the owner of this
folder only. Verifiers need owner.pub and platform.pub, or trust.json, handed to them out of band.
";

/// Keys read from a folder.
#[derive(Debug)]
pub struct KeyFiles {
    pub(super) api: SigningKey,
    pub(super) worker: SigningKey,
    pub(super) platform: SigningKey,
    pub(super) trust: Trust,
    pub(super) layout: Vec<u8>,
}

impl KeyFiles {
    pub(super) fn open(dir: &Path) -> Result<Self, KeyError> {
        folder::check(dir)?;
        let trust = read_trust(dir)?;
        let key = |name: &str| read_key(&dir.join(name));
        let keys = Self {
            api: key(API)?,
            worker: key(WORKER)?,
            platform: key(PLATFORM)?,
            layout: trust.layout_file(),
            trust,
        };
        let unknown = |name: &str, whose: &str| {
            Err(error(
                &dir.join(name),
                format!(
                    "is not the key of {whose} in {TRUST}; the two files must come from the same set-up"
                ),
            ))
        };
        if keys.platform.public() != &keys.trust.platform {
            return unknown(PLATFORM, "the platform");
        }
        if !may(&keys.trust, keys.api.public(), INGEST) {
            return unknown(API, "a functionary of ingest");
        }
        if !may(&keys.trust, keys.worker.public(), RUN_TRAINING) {
            return unknown(WORKER, "a functionary of run_training");
        }
        Ok(keys)
    }
}

fn may(trust: &Trust, key: &PublicKey, step: &str) -> bool {
    trust.functionaries.iter().any(|functionary| {
        functionary.key == *key && functionary.steps.iter().any(|name| name == step)
    })
}

pub(super) fn exist(dir: &Path) -> bool {
    ALL.iter()
        .any(|name| dir.join(name).symlink_metadata().is_ok())
}

pub(super) fn init(dir: &Path) -> Result<(), KeyError> {
    for name in ALL {
        let path = dir.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(error(
                &path,
                "exists; keys are never replaced. Choose another folder, or move this one away"
                    .into(),
            ));
        }
    }
    folder::make(dir)?;
    let [owner, api, worker, platform] = [(); 4].map(|()| SigningKey::generate());
    let functionary = |name: &str, key: &SigningKey, step: &str| Functionary {
        name: name.to_owned(),
        key: key.public().clone(),
        steps: vec![step.to_owned()],
    };
    let functionaries = vec![
        functionary("api", &api, INGEST),
        functionary("worker-1", &worker, RUN_TRAINING),
    ];
    let trust = sign_layout(dir, &owner, platform.public().clone(), functionaries)?;
    for (name, key) in [
        (OWNER, &owner),
        (API, &api),
        (WORKER, &worker),
        (PLATFORM, &platform),
    ] {
        let path = dir.join(name);
        let pem = key.to_pkcs8_pem().map_err(file_error(&path))?;
        folder::create(&path, pem.as_bytes(), Access::Owner)?;
    }
    for (name, key) in [
        (OWNER_PUBLIC, &trust.owner),
        (PLATFORM_PUBLIC, &trust.platform),
    ] {
        folder::create(&dir.join(name), key.to_pem().as_bytes(), Access::All)?;
    }
    folder::replace(&dir.join(NOTE), NOTE_TEXT.as_bytes())?;
    write_layout(dir, &trust)
}

/// Signs a layout that is valid from now on.
fn sign_layout(
    dir: &Path,
    owner: &SigningKey,
    platform: PublicKey,
    functionaries: Vec<Functionary>,
) -> Result<Trust, KeyError> {
    let path = dir.join(LAYOUT);
    let layout = platform_layout(&functionaries, OffsetDateTime::now_utc() + LAYOUT_VALIDITY);
    let signed = intoto::sign(&layout, owner).map_err(file_error(&path))?;
    Ok(Trust {
        owner: owner.public().clone(),
        platform,
        functionaries,
        layout: serde_json::from_slice(&signed).map_err(file_error(&path))?,
    })
}

fn write_layout(dir: &Path, trust: &Trust) -> Result<(), KeyError> {
    folder::replace(&dir.join(LAYOUT), &trust.layout_file())?;
    let path = dir.join(TRUST);
    let text = trust.to_json().map_err(file_error(&path))?;
    folder::replace(&path, text.as_bytes())
}

pub(super) fn reissue_layout(dir: &Path) -> Result<(), KeyError> {
    folder::check(dir)?;
    let trust = read_trust(dir)?;
    let path = dir.join(OWNER);
    let owner = read_key(&path)?;
    if owner.public() != &trust.owner {
        return Err(error(&path, format!("is not the owner's key of {TRUST}")));
    }
    let trust = sign_layout(dir, &owner, trust.platform, trust.functionaries)?;
    write_layout(dir, &trust)
}

pub(super) fn write_trust(trust: &Trust, dir: &Path) -> Result<(), KeyError> {
    std::fs::create_dir_all(dir).map_err(file_error(dir))?;
    folder::replace(&dir.join(OWNER_PUBLIC), trust.owner.to_pem().as_bytes())?;
    folder::replace(
        &dir.join(PLATFORM_PUBLIC),
        trust.platform.to_pem().as_bytes(),
    )?;
    let path = dir.join(TRUST);
    let text = trust.to_json().map_err(file_error(&path))?;
    folder::replace(&path, text.as_bytes())
}

fn read_trust(dir: &Path) -> Result<Trust, KeyError> {
    let path = dir.join(TRUST);
    Trust::from_json(&read_public(&path)?).map_err(file_error(&path))
}

fn read_key(path: &Path) -> Result<SigningKey, KeyError> {
    SigningKey::from_pkcs8_pem(&read_secret(path)?).map_err(file_error(path))
}

#[cfg(test)]
mod tests;
