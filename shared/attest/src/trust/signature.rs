use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Part, Trust, TrustError, Window};
use crate::{KeyError, KeyId, PublicKey, SigningKey, json::jcs};

/// An owner's signature of a trust file: ECDSA P-256 over the RFC 8785 form of all other members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustSignature {
    /// The key.
    pub keyid: KeyId,
    /// DER in lower-case hexadecimal.
    pub sig: String,
}

impl TrustSignature {
    /// An owner's signature of the owner's key that takes the place of its own.
    ///
    /// # Errors
    /// As [`SigningKey::sign_der`].
    pub fn of_successor(owner: &SigningKey, successor: &PublicKey) -> Result<Self, KeyError> {
        Ok(Self {
            keyid: owner.keyid(),
            sig: owner.sign_hex(&succession(successor))?,
        })
    }
}

fn succession(successor: &PublicKey) -> Vec<u8> {
    jcs(&json!({ "successor": successor.to_pem() }))
}

impl Trust {
    /// Signs the file. Every change to it asks for a new signature, so older ones of other content must be gone first.
    ///
    /// # Errors
    /// [`TrustError::Signature`] when the key does not sign; [`TrustError::Shape`] if the file cannot be written, which no
    /// value makes happen.
    pub fn sign(&mut self, owner: &SigningKey) -> Result<(), TrustError> {
        let keyid = owner.keyid();
        let sig = owner
            .sign_hex(&self.message()?)
            .map_err(TrustError::Signature)?;
        self.signatures.retain(|one| one.keyid != keyid);
        self.signatures.push(TrustSignature { keyid, sig });
        Ok(())
    }

    /// Verifies that this owner signed the file as it is.
    ///
    /// # Errors
    /// [`TrustError::Unsigned`] when there is no signature of the key, [`TrustError::Signature`] when it does not fit.
    pub fn check_signed_by(&self, owner: &PublicKey) -> Result<(), TrustError> {
        let keyid = owner.keyid();
        let found = self.signatures.iter().find(|one| one.keyid == keyid);
        let found = found.ok_or(TrustError::Unsigned(keyid))?;
        owner
            .verify_hex(&self.message()?, &found.sig)
            .map_err(TrustError::Signature)
    }

    /// Verifies that the file is signed by the owner that somebody pinned, or by one that took its place: each named by
    /// the one before.
    ///
    /// # Errors
    /// As [`Trust::check_signed_by`].
    pub fn check_continues(&self, pinned: &PublicKey) -> Result<(), TrustError> {
        let mut owner = pinned;
        // As many steps as there were owners.
        for _ in 0..=self.former.len() {
            if *owner == self.owner {
                return self.check_signed_by(owner);
            }
            match self.successor_of(owner) {
                Some(next) => owner = next,
                None => break,
            }
        }
        Err(TrustError::Unsigned(pinned.keyid()))
    }

    /// Verifies that the file may take the place of an earlier one, `present`: it continues its owner, is not older, and
    /// forgets nothing: whoever was revoked stays so, replaced keys are named on, and nobody's window grows.
    ///
    /// # Errors
    /// As [`Trust::check_continues`], and [`TrustError::Older`].
    pub fn check_follows(&self, present: &Self) -> Result<(), TrustError> {
        self.check_continues(&present.owner)?;
        let older = |reason: String| {
            Err(TrustError::Older {
                version: self.version,
                reason,
            })
        };
        if self.version < present.version {
            return older(format!("is older than version {}", present.version));
        }
        if self.version == present.version && self.message()? != present.message()? {
            return older("is another file than the one of the same version".to_owned());
        }
        let forgotten = present
            .revoked
            .iter()
            .find(|one| !self.revoked.contains(one));
        if let Some(one) = forgotten {
            return older(format!("does not say that {} is revoked", one.keyid));
        }
        for (key, window) in present.windows() {
            let same = |(other, _): &(&PublicKey, Window)| *other == key;
            match self.windows().find(same) {
                Some((_, now)) if now.is_within(&window) => {}
                Some(_) => return older(format!("gives {} a longer time", key.keyid())),
                None => return older(format!("does not name the key {}", key.keyid())),
            }
        }
        Ok(())
    }

    fn successor_of(&self, owner: &PublicKey) -> Option<&PublicKey> {
        let mut former = self.former.iter();
        let entry = former.find(|one| one.part == Part::Owner && one.key == *owner)?;
        let sig = &entry.successor.as_ref()?.sig;
        let mut all = self.owners();
        all.find(|next| owner.verify_hex(&succession(next), sig).is_ok())
    }

    fn message(&self) -> Result<Vec<u8>, TrustError> {
        let mut value =
            serde_json::to_value(self).map_err(|error| TrustError::Shape(error.to_string()))?;
        if let Value::Object(members) = &mut value {
            members.remove("signatures");
        }
        Ok(jcs(&value))
    }
}
