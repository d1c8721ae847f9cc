//! The folder that one process owns at a time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
};

use super::PlatformError;
use crate::{
    Config, Service,
    keys::{KeyError, Keys, KeysKind, Place},
    owned,
    store::{LinkKey, folder::private_folder},
};

/// Makes the folder if it is absent, and takes its lock.
pub(super) fn take(dir: &Path) -> Result<File, PlatformError> {
    private_folder(dir)
        .and_then(|()| owned::check_folder(dir))
        .map_err(|source| PlatformError::Folder {
            path: dir.to_owned(),
            source,
        })?;
    lock(dir)
}

/// Reads the service's keys. One process that is everything makes them for a new folder; a service of a deployment
/// never does, since the others would not know them.
///
/// Those in an engine are made with `assay keys init` alone, by somebody who may.
pub(super) fn keys(config: &Config, place: Place, service: Service) -> Result<Keys, KeyError> {
    // Keys are made for a new folder only: beside a database they are missing, not absent.
    let new = service == Service::All
        && config.keys.kind == KeysKind::Files
        && !Keys::exist(place.dir())
        && !config.dir.join("assay.db").exists();
    if new {
        Keys::init_with(place.clone(), 1, config.scan.is_wanted())?;
    }
    let keys = Keys::open_for(place, service, &config.keys.name)?;
    if service.serves() {
        keys.layout_for(config.scan.required)?;
    }
    Ok(keys)
}

fn lock(dir: &Path) -> Result<File, PlatformError> {
    let path = dir.join("lock");
    let file = match owned::create_private(&path) {
        Ok(file) => file,
        Err(source) => return Err(PlatformError::Folder { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PlatformError::Locked(dir.display().to_string())),
        Err(TryLockError::Error(source)) => Err(PlatformError::Folder { path, source }),
    }
}

/// The key that download links are signed with; made when absent. It proves nothing to others, so it may be replaced
/// at any time: only the links of the last hour go with it.
pub(super) fn link_key(secrets: &Path) -> Result<LinkKey, PlatformError> {
    let path = secrets.join("download.key");
    read_or_make(&path).map_err(|source| PlatformError::Folder { path, source })
}

fn read_or_make(path: &Path) -> io::Result<LinkKey> {
    let mut bytes = [0; 32];
    match owned::open_plain(path) {
        Ok(mut file) => {
            file.read_exact(&mut bytes)?;
            return Ok(LinkKey::from_bytes(bytes));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let draft = path.with_extension("draft");
    let mut file = owned::create_private(&draft)?;
    file.set_len(0)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    Ok(LinkKey::from_bytes(bytes))
}
