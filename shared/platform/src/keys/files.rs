//! Keys as PEM files.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use assay_attest::{
    Functionary, INGEST, LAYOUT_VALIDITY, PublicKey, RUN_TRAINING, SigningKey, Trust, intoto::sign,
    json::Limits, json::parse, platform_layout,
};
use time::OffsetDateTime;

use super::{KeyError, failed, replace};

const OWNER: &str = "owner.pem";
const API: &str = "api.pem";
const WORKER: &str = "worker.pem";
const PLATFORM: &str = "platform.pem";
const LAYOUT: &str = "layout.json";
const TRUST: &str = "trust.json";
const URL_SECRET: &str = "download-links.key";
/// A key or trust file is far smaller.
const MAX_BYTES: u64 = 1 << 20;

/// Keys read from a folder.
#[derive(Debug)]
pub struct KeyFiles {
    pub(super) api: SigningKey,
    pub(super) worker: SigningKey,
    pub(super) platform: SigningKey,
    pub(super) trust: Trust,
    pub(super) layout: Vec<u8>,
    pub(super) url_secret: [u8; 32],
}

impl KeyFiles {
    pub(super) fn init(dir: &Path) -> Result<Self, KeyError> {
        for name in [OWNER, API, WORKER, PLATFORM, LAYOUT, TRUST] {
            let path = dir.join(name);
            if path.exists() {
                return Err(failed(
                    &path,
                    "exists already; keys are never overwritten, choose another folder",
                ));
            }
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|error| failed(dir, error))?;
        let owner = generate(dir, OWNER)?;
        let functionary = |name: &str, key: &SigningKey, step: &str| Functionary {
            name: name.to_owned(),
            key: key.public().clone(),
            steps: vec![step.to_owned()],
        };
        let api = generate(dir, API)?;
        let worker = generate(dir, WORKER)?;
        let platform = generate(dir, PLATFORM)?;
        write_secret(dir, URL_SECRET, &random_secret()?)?;
        let functionaries = vec![
            functionary("api", &api, INGEST),
            functionary("worker", &worker, RUN_TRAINING),
        ];
        issue(dir, &owner, platform.public().clone(), functionaries)?;
        Self::open(dir)
    }

    pub(super) fn reissue_layout(dir: &Path) -> Result<(), KeyError> {
        let owner = read_key(dir, OWNER)?;
        let trust = read_trust(dir)?;
        if trust.owner.keyid() != owner.keyid() {
            return Err(failed(
                &dir.join(OWNER),
                "is not the key of the owner that trust.json names",
            ));
        }
        issue(dir, &owner, trust.platform, trust.functionaries)
    }

    pub(super) fn open(dir: &Path) -> Result<Self, KeyError> {
        let trust = read_trust(dir)?;
        let secret = read_private(dir, URL_SECRET)?;
        let url_secret = hex::decode(secret.trim_ascii())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| failed(&dir.join(URL_SECRET), "is not 64 hexadecimal digits"))?;
        Ok(Self {
            api: read_key(dir, API)?,
            worker: read_key(dir, WORKER)?,
            platform: read_key(dir, PLATFORM)?,
            layout: trust.layout_file(),
            trust,
            url_secret,
        })
    }
}

/// Signs a layout for these functionaries and writes it with the trust file that holds it.
fn issue(
    dir: &Path,
    owner: &SigningKey,
    platform: PublicKey,
    functionaries: Vec<Functionary>,
) -> Result<(), KeyError> {
    let expires = OffsetDateTime::now_utc() + LAYOUT_VALIDITY;
    let file = dir.join(LAYOUT);
    let layout = sign(&platform_layout(&functionaries, expires), owner)
        .map_err(|error| failed(&file, error))?;
    let trust = Trust {
        owner: owner.public().clone(),
        platform,
        functionaries,
        layout: parse(&layout, &Limits::METADATA).map_err(|error| failed(&file, error))?,
    };
    replace(&file, &layout, 0o644).map_err(|error| failed(&file, error))?;
    super::write_trust(&trust, dir)
}

fn generate(dir: &Path, name: &str) -> Result<SigningKey, KeyError> {
    let path = dir.join(name);
    let key = SigningKey::generate();
    let pem = key.to_pkcs8_pem().map_err(|error| failed(&path, error))?;
    write_secret(dir, name, &pem)?;
    Ok(key)
}

fn write_secret(dir: &Path, name: &str, text: &str) -> Result<(), KeyError> {
    let path = dir.join(name);
    replace(&path, text.as_bytes(), 0o600).map_err(|error| failed(&path, error))
}

fn random_secret() -> Result<String, KeyError> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| failed(source, error))?;
    Ok(hex::encode(bytes))
}

fn read_key(dir: &Path, name: &str) -> Result<SigningKey, KeyError> {
    let path = dir.join(name);
    let bytes = read_private(dir, name)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| failed(&path, error))?;
    SigningKey::from_pkcs8_pem(text).map_err(|error| failed(&path, error))
}

/// Reads a file that must be its owner's alone.
fn read_private(dir: &Path, name: &str) -> Result<Vec<u8>, KeyError> {
    let path = dir.join(name);
    let file = File::open(&path).map_err(|error| failed(&path, error))?;
    let mode = file
        .metadata()
        .map_err(|error| failed(&path, error))?
        .mode();
    if mode & 0o077 != 0 {
        return Err(failed(
            &path,
            format!(
                "others may read it (mode {:o}); run: chmod 600",
                mode & 0o777
            ),
        ));
    }
    read_limited(&path, file)
}

fn read_trust(dir: &Path) -> Result<Trust, KeyError> {
    let path = dir.join(TRUST);
    let file = File::open(&path).map_err(|error| failed(&path, error))?;
    Trust::from_json(&read_limited(&path, file)?).map_err(|error| failed(&path, error))
}

fn read_limited(path: &Path, file: File) -> Result<Vec<u8>, KeyError> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(path, error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use assay_attest::intoto::{Layout, Signed};

    use super::super::Keys;

    #[test]
    fn a_new_layout_leaves_keys_and_old_layouts_valid() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::init(dir.path()).unwrap();
        let (owner, old) = (keys.trust().owner.clone(), keys.layout().to_vec());
        Keys::reissue_layout(dir.path()).unwrap();
        let again = Keys::open(dir.path()).unwrap();
        assert_eq!(again.trust().owner, owner);
        for layout in [old.as_slice(), again.layout()] {
            assert!(
                Signed::<Layout>::parse(layout)
                    .unwrap()
                    .verify(&owner)
                    .is_ok()
            );
        }
        assert_eq!(again.worker().keyid(), keys.worker().keyid());
    }

    #[test]
    fn services_work_without_the_owners_key() {
        let dir = tempfile::tempdir().unwrap();
        Keys::init(dir.path()).unwrap();
        std::fs::remove_file(dir.path().join("owner.pem")).unwrap();
        assert!(Keys::open(dir.path()).is_ok());
        assert!(Keys::reissue_layout(dir.path()).is_err());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keys::init(dir.path()).unwrap();
        let path = dir.path().join("worker.pem");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        let error = Keys::open(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("worker.pem") && error.contains("chmod"),
            "{error}"
        );
    }
}
