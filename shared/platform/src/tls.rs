//! Whom connections over TLS trust: the authorities of this machine, and those in a file.
//!
//! Every connection of this program is made by rustls with the same cryptography (ring).

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Bytes of a file of certificates at most.
const LARGEST_FILE: u64 = 4 << 20;

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error(
        "{} holds no certificates of authorities (PEM, each from -----BEGIN CERTIFICATE----- on): {reason}",
        path.display()
    )]
    NoCertificates {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(#[from] rustls::Error),
}

/// Reads a file of certificates (PEM) and sees that each can be trusted as an authority; `None` for an empty path.
///
/// # Errors
/// [`TlsError::Unreadable`] and [`TlsError::NoCertificates`].
pub fn authorities(file: &Path) -> Result<Option<String>, TlsError> {
    if file.as_os_str().is_empty() {
        return Ok(None);
    }
    let text = read(file).map_err(|source| TlsError::Unreadable {
        path: file.to_owned(),
        source,
    })?;
    let mut roots = RootCertStore::empty();
    add(&mut roots, &text).map_err(|reason| TlsError::NoCertificates {
        path: file.to_owned(),
        reason,
    })?;
    Ok(Some(text))
}

fn read(file: &Path) -> io::Result<String> {
    if fs::metadata(file)?.len() > LARGEST_FILE {
        return Err(io::Error::other("it is too large to hold certificates"));
    }
    fs::read_to_string(file)
}

/// Adds the certificates of a text, of which there must be one at least.
fn add(roots: &mut RootCertStore, text: &str) -> Result<(), String> {
    for (number, found) in CertificateDer::pem_slice_iter(text.as_bytes()).enumerate() {
        let number = number + 1;
        let certificate = found.map_err(|error| format!("number {number}: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("number {number}: {error}"))?;
    }
    if roots.is_empty() {
        return Err("there is none".to_owned());
    }
    Ok(())
}

/// The authorities of this machine; none where the package with them is not installed.
fn of_this_machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Whether this machine knows any authority by itself.
pub(crate) fn machine_has_authorities() -> bool {
    !of_this_machine().is_empty()
}

/// The settings of a client that trusts the authorities of this machine and those in a file, if its path is not empty.
///
/// # Errors
/// [`TlsError`].
pub fn client(ca_file: &Path) -> Result<ClientConfig, TlsError> {
    let mut roots = of_this_machine();
    if let Some(text) = authorities(ca_file)? {
        add(&mut roots, &text).map_err(|reason| TlsError::NoCertificates {
            path: ca_file.to_owned(),
            reason,
        })?;
    }
    let provider = Arc::new(ring::default_provider());
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// Why a server's certificate was refused, if it comes to that at the end of an error's causes.
pub fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(reason)) = error.downcast_ref() {
            return Some(match reason {
                CertificateError::UnknownIssuer => {
                    "the server's certificate is not from an authority that is trusted here"
                        .to_owned()
                }
                other => format!("the server's certificate is refused: {other}"),
            });
        }
        // An error of input and output does not name what it holds as its cause.
        let held = error.downcast_ref().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_authorities_says_what_is_wrong_with_it() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("ca.pem");
        let refused = || authorities(&file).unwrap_err().to_string();
        assert!(authorities(Path::new("")).unwrap().is_none());
        assert!(refused().contains("cannot be read"));
        for (text, word) in [
            ("", "there is none"),
            ("no certificate", "there is none"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "number 1",
            ),
            ("-----BEGIN CERTIFICATE-----\n", "number 1"),
        ] {
            fs::write(&file, text).unwrap();
            let said = refused();
            assert!(
                said.contains("ca.pem") && said.contains(word),
                "{text:?}: {said}"
            );
            assert!(client(&file).is_err(), "{text:?}");
        }
        client(Path::new("")).unwrap();
    }

    #[test]
    fn a_refused_certificate_is_found_behind_other_errors() {
        let refused = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, refused));
        let said = refused_certificate(&wrapped).unwrap();
        assert!(said.contains("not from an authority"), "{said}");
        assert_eq!(refused_certificate(&io::Error::other("reset")), None);
    }
}
