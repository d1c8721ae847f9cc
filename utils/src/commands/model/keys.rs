//! Keys and certificates from files.

use std::{fs, path::Path};

use anyhow::Context;
use assay_attest::{
    SigningKey,
    sigstore::{EcPublicKey, Roots, Signer, Verifier, certificates_from_pem},
};

/// The private key in a file.
pub(super) fn private(path: &Path) -> anyhow::Result<SigningKey> {
    let text = read(path)?;
    SigningKey::from_pkcs8_pem(&text).with_context(|| {
        format!(
            "{}; `openssl pkcs8 -topk8 -nocrypt` turns other forms of a P-256 key into it",
            path.display()
        )
    })
}

/// The certificates in a file, where one is named.
pub(super) fn chain(path: Option<&Path>) -> anyhow::Result<Vec<Vec<u8>>> {
    path.map_or_else(
        || Ok(Vec::new()),
        |path| certificates_from_pem(&read(path)?).with_context(|| path.display().to_string()),
    )
}

/// What signs: the key, with certificates if there are any.
pub(super) fn signer<'a>(key: &'a SigningKey, chain: &'a [Vec<u8>]) -> Signer<'a> {
    if chain.is_empty() {
        Signer::Key(key)
    } else {
        Signer::Certificate { key, chain }
    }
}

/// What is pinned: a public key, or else roots.
pub(super) fn verifier(key: Option<&Path>, root: Option<&Path>) -> anyhow::Result<Verifier> {
    match (key, root) {
        (Some(path), _) => EcPublicKey::from_pem(&read(path)?)
            .map(Verifier::Key)
            .with_context(|| path.display().to_string()),
        (None, Some(path)) => Roots::from_pem(&read(path)?)
            .map(Verifier::Roots)
            .with_context(|| path.display().to_string()),
        (None, None) => anyhow::bail!("name the signer's public key (--key) or a root (--root)"),
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
