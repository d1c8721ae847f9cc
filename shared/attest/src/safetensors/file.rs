//! Files on a disk: opened, signed, verified, and their headers rewritten.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::Path,
};

pub use super::rewrite::Rewritten;
use super::{
    Claims, Header, SIGNATURE_KEY, SafetensorsError, Statement, change::open_to_change, journal,
    rewrite::rewrite, statement::metadata_digest,
};
use crate::{
    SigningKey,
    regular::open_followed,
    sigstore::{Bundle, EcPublicKey, Material, SignedBy, Signer, Verifier},
    tensors::digest,
};

/// A signature that fits a pinned key or root. The tensors have still to be compared with the statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed.
    pub statement: Statement,
    /// Who signed.
    pub signed_by: SignedBy,
}

impl Header {
    /// Verifies the signature in the header and that it covers the rest of the metadata. No tensor is read.
    ///
    /// # Errors
    /// [`SafetensorsError::Unsigned`], [`SafetensorsError::Bundle`], [`SafetensorsError::Statement`].
    pub fn verify(&self, verifier: &Verifier) -> Result<Verified, SafetensorsError> {
        let bundle = self.bundle()?;
        let signed_by = verifier.verify_canonical(&bundle)?;
        let statement = self.compare(&bundle)?;
        Ok(Verified {
            statement,
            signed_by,
        })
    }

    fn bundle(&self) -> Result<Bundle, SafetensorsError> {
        let text = self
            .metadata
            .get(SIGNATURE_KEY)
            .ok_or(SafetensorsError::Unsigned)?;
        Ok(Bundle::parse_own(text.as_bytes())?)
    }

    /// The statement of a verified bundle, if it is about this header.
    fn compare(&self, bundle: &Bundle) -> Result<Statement, SafetensorsError> {
        let statement = Statement::parse(&bundle.payload)?;
        if statement.metadata != metadata_digest(&self.metadata) {
            return Err(SafetensorsError::Statement(
                "the metadata is not what was signed".to_owned(),
            ));
        }
        if statement.count != self.weights.tensors.len() as u64 {
            return Err(SafetensorsError::Statement(format!(
                "{} tensors were signed, the file has {}",
                statement.count,
                self.weights.tensors.len()
            )));
        }
        Ok(statement)
    }

    /// What the signature in the header says, unverified, for display.
    ///
    /// # Errors
    /// As [`Header::verify`].
    pub fn statement(&self) -> Result<Statement, SafetensorsError> {
        Statement::parse(&self.bundle()?.payload)
    }

    /// The statement and the signer's material, if the signature is by this key and holds.
    fn by_own(&self, key: &SigningKey) -> Result<(Statement, Material), SafetensorsError> {
        let bundle = self.bundle()?;
        EcPublicKey::try_from(key.public())?
            .verify_canonical(&bundle.signed_bytes(), &bundle.signature)?;
        Ok((self.compare(&bundle)?, bundle.material))
    }

    fn sign(
        &mut self,
        mut statement: Statement,
        signer: &Signer<'_>,
    ) -> Result<(), SafetensorsError> {
        statement.metadata = metadata_digest(&self.metadata);
        let bundle = signer.sign(statement.to_bytes())?;
        let text = String::from_utf8(bundle)
            .map_err(|error| SafetensorsError::Statement(error.to_string()))?;
        self.metadata.insert(SIGNATURE_KEY.to_owned(), text);
        Ok(())
    }
}

/// Hashes the tensors of a file and signs them and its metadata, with `set` added to it, in the file's header.
///
/// # Errors
/// [`SafetensorsError`].
pub fn sign(
    path: &Path,
    signer: &Signer<'_>,
    claims: Claims,
    set: &BTreeMap<String, String>,
) -> Result<(Statement, Rewritten), SafetensorsError> {
    let file = open_to_change(path)?;
    let mut header = Header::read(&file)?;
    let tensors = digest(&file, &header.weights)?.hex();
    let count = header.weights.tensors.len() as u64;
    header.metadata.extend(set.clone());
    let statement = Statement {
        tensors,
        count,
        metadata: metadata_digest(&header.metadata),
        claims,
    };
    header.sign(statement, signer)?;
    let rewritten = rewrite(path, &file, &header)?;
    Ok((header.statement()?, rewritten))
}

/// Opens a file to be read. Nothing is written: a file of which a change was broken off is refused.
///
/// # Errors
/// [`SafetensorsError::BrokenOff`], [`SafetensorsError::Header`], [`SafetensorsError::Io`].
pub fn open(path: &Path) -> Result<(File, Header), SafetensorsError> {
    let file = open_followed(path)?;
    // Beside the file itself, where a link leads to it.
    let journal = journal::path_of(&fs::canonicalize(path)?);
    if journal.symlink_metadata().is_ok() {
        return Err(SafetensorsError::BrokenOff(journal));
    }
    let header = Header::read(&file)?;
    Ok((file, header))
}

/// Finishes a change that was broken off, or forgets it if it had not begun, and removes the copy that a killed change
/// left. Every other change does so first, too.
///
/// # Errors
/// [`SafetensorsError::Io`].
pub fn recover(path: &Path) -> Result<(), SafetensorsError> {
    open_to_change(path).map(|_| ())
}

/// What becomes of the signature when metadata are changed.
#[derive(Debug, Clone, Copy)]
pub enum Resign<'a> {
    /// It is made anew by the key that made it, with the same certificates if it has any. No tensor is read: the new
    /// signature says of them what the old one said.
    With(&'a SigningKey),
    /// It is taken away.
    Drop,
    /// There must be none.
    Refuse,
}

/// Sets and removes metadata. A signature is made anew or taken away with it, never left stale.
///
/// # Errors
/// [`SafetensorsError`]; [`SafetensorsError::Statement`] when there is a signature and `resign` does not say what
/// becomes of it.
pub fn update(
    path: &Path,
    set: &BTreeMap<String, String>,
    remove: &[String],
    resign: Resign<'_>,
) -> Result<Rewritten, SafetensorsError> {
    let file = open_to_change(path)?;
    let mut header = Header::read(&file)?;
    let old = match resign {
        Resign::With(key) => Some((key, header.by_own(key)?)),
        Resign::Refuse if header.metadata.contains_key(SIGNATURE_KEY) => {
            return Err(SafetensorsError::Statement(
                "the file is signed, with its metadata; give the key (--key) to sign it anew, or --drop-signature"
                    .to_owned(),
            ));
        }
        Resign::Drop | Resign::Refuse => None,
    };
    header.metadata.remove(SIGNATURE_KEY);
    header.metadata.retain(|key, _| !remove.contains(key));
    header.metadata.extend(set.clone());
    match old {
        Some((key, (statement, Material::Certificates(chain)))) => {
            header.sign(statement, &Signer::Certificate { key, chain: &chain })?;
        }
        Some((key, (statement, Material::Key(_)))) => header.sign(statement, &Signer::Key(key))?,
        None => {}
    }
    rewrite(path, &file, &header)
}
