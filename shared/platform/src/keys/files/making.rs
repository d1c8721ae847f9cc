//! Making keys, and layouts signed by the owner.

use std::path::{Path, PathBuf};

use assay_attest::{
    Functionary, LAYOUT_VALIDITY, PublicKey, SCAN_IMAGE, SigningKey, Trust, Window,
    intoto::{self, Layout},
    platform_layout, platform_layout_with_scan,
};
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    LAYOUT, LAYOUT_SCAN, NOTE, OWNER, OWNER_PUBLIC, PLATFORM, PLATFORM_PUBLIC, TRUST,
    folder::{self, error, file_error},
    public::{commit, remember, with_owner, write_whole},
    read_trust,
};
use crate::keys::{FIRST, KeyError, Place, Role, role::is_name, set::may};

/// Keys of workers that one set-up makes at most.
const MOST_WORKERS: u32 = 1000;

const NOTE_TEXT: &str = "\
owner.pem signs layouts and trust.json, and nothing else. No service reads it. Move it to a medium that is kept
offline together with owner-trust.json, the last trust.json that it signed, and bring both back only for `assay keys
layout`, `add`, `rotate` and `revoke`: an older trust.json is not signed again.

The other .pem files are what the services sign with; they stay here, readable by the owner of this folder only. For
a machine that runs one service, `assay keys export` writes a folder with what that service needs. Verifiers need
owner.pub and platform.pub, or trust.json, handed to them out of band.
";

const NOTE_TEXT_ENGINE: &str = "\
The private keys of this set-up are in a transit engine of OpenBao or HashiCorp Vault; what lies here is public: who
may sign (trust.json), what jobs have to pass (layout.json), and the public keys of owner and platform. If there is an
owner.pem, it is the owner's private key: move it to a medium that is kept offline, together with owner-trust.json,
the last trust.json that it signed.
";

/// Whether any file of a set-up is there.
pub(in crate::keys) fn exist(dir: &Path) -> bool {
    first_of(dir).is_some()
}

fn first_of(dir: &Path) -> Option<PathBuf> {
    let fixed = [
        OWNER,
        PLATFORM,
        OWNER_PUBLIC,
        PLATFORM_PUBLIC,
        LAYOUT,
        LAYOUT_SCAN,
        TRUST,
    ]
    .map(str::to_owned);
    let keys = [Role::Api, Role::Worker, Role::Scanner].map(|role| role.file(FIRST));
    fixed
        .into_iter()
        .chain(keys)
        .map(|name| dir.join(name))
        .find(|path| path.symlink_metadata().is_ok())
}

/// `trust.json` is written last: a folder that has it is whole.
pub(in crate::keys) fn init(place: &Place, workers: u32, scan: bool) -> Result<(), KeyError> {
    let dir = place.dir();
    if !(1..=MOST_WORKERS).contains(&workers) {
        let reason = format!("{workers} workers; expected 1 to {MOST_WORKERS}");
        return Err(error(dir, reason));
    }
    if let Some(path) = first_of(dir) {
        return Err(error(
            &path,
            "exists; keys are never replaced. Choose another folder, or move this one away".into(),
        ));
    }
    let mut wanted = vec![(Role::Api, FIRST.to_owned())];
    wanted.extend((1..=workers).map(|number| (Role::Worker, number.to_string())));
    wanted.extend(scan.then(|| (Role::Scanner, FIRST.to_owned())));
    for file in [OWNER.to_owned(), PLATFORM.to_owned()]
        .into_iter()
        .chain(wanted.iter().map(|(role, name)| role.file(name)))
    {
        place.must_be_free(&file)?;
    }
    folder::make(dir)?;
    let mut made = Vec::with_capacity(wanted.len());
    for (role, name) in wanted {
        let key = place.make(&role.file(&name))?;
        made.push((role, name, key));
    }
    let (owner, platform) = (place.make(OWNER)?, place.make(PLATFORM)?);
    let functionaries = made
        .iter()
        .map(|(role, name, key)| functionary(*role, name, key.public()))
        .collect();
    let unsigned = Trust {
        version: 0,
        ..Trust::new(
            owner.public().clone(),
            platform.public().clone(),
            functionaries,
            Value::Null,
            None,
        )
    };
    let trust = sign_trust(dir, &owner, unsigned)?;
    place.keep(OWNER, &owner)?;
    place.keep(PLATFORM, &platform)?;
    for (role, name, key) in &made {
        place.keep(&role.file(name), key)?;
    }
    let note = match place {
        Place::Files(_) => NOTE_TEXT,
        Place::Vault { .. } => NOTE_TEXT_ENGINE,
    };
    folder::replace(&dir.join(NOTE), note.as_bytes())?;
    write_whole(dir, &trust)?;
    remember(dir, &trust)
}

pub(super) fn functionary(role: Role, name: &str, key: &PublicKey) -> Functionary {
    Functionary {
        name: role.functionary(name),
        key: key.clone(),
        steps: vec![role.step().to_owned()],
        window: Window::default(),
    }
}

/// The next version of a trust file: layouts that are valid from now on (the one with a step `scan_image` only if
/// somebody may carry it out) and the file itself, all signed. The layouts name the functionaries that may sign now.
pub(super) fn sign_trust(
    dir: &Path,
    owner: &SigningKey,
    mut trust: Trust,
) -> Result<Trust, KeyError> {
    let now = OffsetDateTime::now_utc();
    let expires = now + LAYOUT_VALIDITY;
    let sign = |name: &str, layout: &Layout| -> Result<Value, KeyError> {
        let path = dir.join(name);
        let signed = intoto::sign(layout, owner).map_err(file_error(&path))?;
        serde_json::from_slice(&signed).map_err(file_error(&path))
    };
    let mut current = trust.functionaries.clone();
    current.retain(|one| trust.check_key(one.key.keyid(), Some(now)).is_ok());
    let scans = current
        .iter()
        .any(|one| one.steps.iter().any(|step| step == SCAN_IMAGE));
    let layout_scan =
        scans.then(|| sign(LAYOUT_SCAN, &platform_layout_with_scan(&current, expires)));
    trust.layout = sign(LAYOUT, &platform_layout(&current, expires))?;
    trust.layout_scan = layout_scan.transpose()?;
    trust.version += 1;
    trust.signatures.clear();
    trust.sign(owner).map_err(file_error(&dir.join(TRUST)))?;
    Ok(trust)
}

pub(in crate::keys) fn reissue_layout(place: &Place) -> Result<(), KeyError> {
    let (owner, trust) = with_owner(place)?;
    commit(place, &sign_trust(place.dir(), &owner, trust)?)
}

pub(in crate::keys) fn add(place: &Place, role: Role, name: &str) -> Result<PublicKey, KeyError> {
    if !is_name(name) {
        return Err(KeyError::Name(name.to_owned()));
    }
    let dir = place.dir();
    let (owner, mut trust) = with_owner(place)?;
    let (file, named) = (role.file(name), role.functionary(name));
    let taken = |one: &Functionary| one.name == named && one.window.until.is_none();
    if trust.functionaries.iter().any(taken) {
        let reason = format!("names {named} already; choose another name");
        return Err(error(&dir.join(TRUST), reason));
    }
    place.must_be_free(&file)?;
    let key = place.make(&file)?;
    trust
        .functionaries
        .push(functionary(role, name, key.public()));
    let trust = sign_trust(dir, &owner, trust)?;
    place.prepare(&file, &key)?;
    commit(place, &trust)?;
    Ok(key.public().clone())
}

pub(in crate::keys) fn export(
    place: &Place,
    role: Role,
    name: &str,
    to: &Path,
) -> Result<(), KeyError> {
    if !is_name(name) {
        return Err(KeyError::Name(name.to_owned()));
    }
    let dir = place.dir();
    folder::check(dir)?;
    let trust = read_trust(dir)?;
    if let Some(path) = first_of(to) {
        return Err(error(
            &path,
            "exists; keys are never replaced. Choose another folder".into(),
        ));
    }
    let file = role.file(name);
    let key = place.find(&file, |key| may(&trust, key, role.step()))?;
    let key = key.ok_or_else(|| {
        let reason = format!("is not a key that {TRUST} names for {}", role.step());
        place.error(&file, reason)
    })?;
    folder::make(to)?;
    if matches!(place, Place::Files(_)) {
        let there = Place::from(to);
        there.keep(&role.file(FIRST), &key)?;
        if role == Role::Worker
            && let Some(platform) = place.find(PLATFORM, |_| true)?
        {
            there.keep(PLATFORM, &platform)?;
        }
    }
    write_whole(to, &trust)
}
