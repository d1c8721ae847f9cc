use assay_attest::{KeyId, SigningKey};

use super::{KeyError, Keys, Place};
use crate::{Config, Service};

/// A private key that a service holds, by what is public of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldKey {
    /// What it signs for: `api`, `worker`, `scanner` or `platform`.
    pub role: &'static str,
    /// Its id, as links and layouts name it.
    pub keyid: KeyId,
}

impl Keys {
    /// The private keys that this service holds.
    pub fn held(&self) -> Vec<HeldKey> {
        let keys = self.set();
        let all: [(&str, &Option<SigningKey>); 4] = [
            ("api", &keys.api),
            ("worker", &keys.worker),
            ("scanner", &keys.scanner),
            ("platform", &keys.platform),
        ];
        all.into_iter()
            .filter_map(|(role, key)| {
                let keyid = key.as_ref()?.keyid();
                Some(HeldKey { role, keyid })
            })
            .collect()
    }

    /// Whether a start of this service now would read the keys that it holds. Reads files, and waits for an engine.
    ///
    /// # Errors
    /// [`KeyError`] for a key that could not be read, or that is another one by now.
    pub fn check(&self, config: &Config, service: Service) -> Result<(), KeyError> {
        if self.read_again(config, service)?.held() == self.held() {
            return Ok(());
        }
        Err(KeyError::File {
            path: config.keys.dir(&config.dir).display().to_string(),
            reason: "holds other keys than this service started with; start it again to use them"
                .to_owned(),
        })
    }

    /// What a start of this service now would read.
    pub(crate) fn read_again(&self, config: &Config, service: Service) -> Result<Self, KeyError> {
        let dir = config.keys.dir(&config.dir);
        let place = match self {
            Self::Files(_) => Place::Files(dir),
            Self::Vault(_, engine) => Place::Vault {
                dir,
                engine: engine.clone(),
                owner_file: false,
            },
        };
        Self::open_for(place, service, &config.keys.name)
    }
}
