//! Keys and certificates from files.

use std::path::Path;

use anyhow::Context;
use assay_attest::{
    SigningKey,
    sigstore::{EcPublicKey, Roots, Signer, Verifier, certificates_from_pem},
};

use super::read::read_text;

/// Bytes of a file of keys or certificates at most.
const MAX_BYTES: u64 = 4 << 20;

/// The private key in a file.
pub(super) fn private(path: &Path) -> anyhow::Result<SigningKey> {
    let text = read_text(path, MAX_BYTES)?;
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
        |path| {
            certificates_from_pem(&read_text(path, MAX_BYTES)?)
                .with_context(|| path.display().to_string())
        },
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
        (Some(path), _) => EcPublicKey::from_pem(&read_text(path, MAX_BYTES)?)
            .map(Verifier::Key)
            .with_context(|| path.display().to_string()),
        (None, Some(path)) => Roots::from_pem(&read_text(path, MAX_BYTES)?)
            .map(Verifier::Roots)
            .with_context(|| path.display().to_string()),
        (None, None) => anyhow::bail!("name the signer's public key (--key) or a root (--root)"),
    }
}
