//! Keys and certificates from files.

use std::{fs::File, io::Read as _, path::Path};

use anyhow::{Context, ensure};
use assay_attest::{
    SigningKey,
    sigstore::{EcPublicKey, Roots, Signer, Verifier, certificates_from_pem},
};

/// Bytes of a file of keys or certificates at most.
const MAX_BYTES: u64 = 4 << 20;

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

/// What the caller names, from a pipe, too, but not without end.
fn read(path: &Path) -> anyhow::Result<String> {
    let named = || format!("cannot read {}", path.display());
    let mut text = String::new();
    let file = File::open(path).with_context(named)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(named)?;
    ensure!(
        text.len() as u64 <= MAX_BYTES,
        "{} is longer than the {MAX_BYTES} bytes that keys may have",
        path.display()
    );
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_an_end() {
        assert!(read(Path::new("/dev/zero")).is_err());
    }
}
