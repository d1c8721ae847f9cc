//! The engine's keys: made, read, replaced by a next version, and signed with.

use std::time::Duration;

use assay_attest::{Digest, PublicKey, SignerError, SigningKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use super::{Engine, client::Ask};
use crate::keys::KeyError;

/// The kind of key: ECDSA on P-256.
const KIND: &str = "ecdsa-p256";

impl Engine {
    /// The public keys of all versions, the newest first; `None` when there is no such key. Of versions of another kind
    /// there is none.
    pub(in crate::keys) fn versions(
        &self,
        file: &str,
    ) -> Result<Option<Vec<(u64, PublicKey)>>, KeyError> {
        self.read(file).map_err(|error| self.error(file, error))
    }

    fn read(&self, file: &str) -> Result<Option<Vec<(u64, PublicKey)>>, SignerError> {
        let ask = Ask {
            method: Method::GET,
            path: self.path("keys", file),
            body: None,
            capability: "read",
        };
        let Some(told) = self.ask(ask, Duration::ZERO)? else {
            return Ok(None);
        };
        if told["type"] != KIND {
            let reason = format!("is of the type {}; expected {KIND}", told["type"]);
            return Err(SignerError::lasting(reason));
        }
        let all = told["keys"].as_object();
        let mut versions: Vec<(u64, PublicKey)> = all
            .into_iter()
            .flatten()
            .filter_map(|(version, one)| {
                let key = PublicKey::from_pem(one["public_key"].as_str()?).ok()?;
                Some((version.parse().ok()?, key))
            })
            .collect();
        versions.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
        Ok(Some(versions))
    }

    /// The newest version whose public key is one that is asked for.
    pub(in crate::keys) fn find(
        &self,
        file: &str,
        wanted: impl Fn(&PublicKey) -> bool,
    ) -> Result<Option<SigningKey>, KeyError> {
        let versions = self.existing(file)?;
        let found = versions.into_iter().find(|(_, key)| wanted(key));
        Ok(found.map(|(version, key)| self.signing(file, version, key)))
    }

    /// Makes a key that cannot be exported.
    pub(in crate::keys) fn make(&self, file: &str) -> Result<SigningKey, KeyError> {
        let body = json!({ "type": KIND, "exportable": false, "allow_plaintext_backup": false });
        self.write(self.path("keys", file), body, file)?;
        self.newest(file)
    }

    /// Makes the next version of a key that is there.
    pub(in crate::keys) fn successor(&self, file: &str) -> Result<SigningKey, KeyError> {
        self.existing(file)?;
        let path = format!("{}/rotate", self.path("keys", file));
        self.write(path, json!({}), file)?;
        self.newest(file)
    }

    fn newest(&self, file: &str) -> Result<SigningKey, KeyError> {
        let versions = self.existing(file)?;
        let newest = versions.into_iter().next();
        let (version, key) = newest.ok_or_else(|| self.missing(file))?;
        Ok(self.signing(file, version, key))
    }

    fn existing(&self, file: &str) -> Result<Vec<(u64, PublicKey)>, KeyError> {
        self.versions(file)?.ok_or_else(|| self.missing(file))
    }

    fn missing(&self, file: &str) -> KeyError {
        let reason = "there is no such key; `assay keys init --vault …` makes those of a set-up";
        self.error(file, SignerError::lasting(reason.to_owned()))
    }

    fn write(&self, path: String, body: Value, file: &str) -> Result<(), KeyError> {
        let ask = Ask {
            method: Method::POST,
            path,
            body: Some(body),
            capability: "update",
        };
        // What makes something is not asked for twice.
        let done = self.ask(ask, Duration::ZERO);
        done.map(drop).map_err(|error| self.error(file, error))
    }

    fn signing(&self, file: &str, version: u64, public: PublicKey) -> SigningKey {
        let (engine, file) = (self.clone(), file.to_owned());
        SigningKey::elsewhere(public, move |digest| {
            let signed = engine.sign(&file, version, digest);
            signed.map_err(|error| SignerError {
                reason: format!("{}: {}", engine.place_of(&file), error.reason),
                ..error
            })
        })
    }

    fn sign(&self, file: &str, version: u64, digest: Digest) -> Result<Vec<u8>, SignerError> {
        let ask = Ask {
            method: Method::POST,
            path: self.path("sign", file),
            body: Some(json!({
                "input": STANDARD.encode(digest.as_bytes()),
                "prehashed": true,
                "hash_algorithm": "sha2-256",
                "marshaling_algorithm": "asn1",
                "key_version": version,
            })),
            capability: "update",
        };
        let told = self.ask(ask, self.0.config.patience)?;
        let text = told.as_ref().and_then(|told| told["signature"].as_str());
        // vault:v2:MEUC…
        text.and_then(|text| text.rsplit(':').next())
            .and_then(|text| STANDARD.decode(text).ok())
            .ok_or_else(|| SignerError::lasting("the answer holds no signature".to_owned()))
    }

    pub(super) fn path(&self, what: &str, file: &str) -> String {
        let mount = &self.0.config.mount;
        format!("{mount}/{what}/{}", self.key_name(file))
    }
}
