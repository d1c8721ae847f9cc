use p256::pkcs8::der::pem;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, ring};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

use super::{BundleError, EcPublicKey, Subject, ecdsa::Ecdsa};

/// How certificates may be signed.
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 15] = [
    &Ecdsa::P256_SHA512,
    &Ecdsa::P384_SHA512,
    &Ecdsa::P521_SHA384,
    &Ecdsa::P521_SHA512,
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P256_SHA384,
    ring::ECDSA_P384_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
    ring::RSA_PKCS1_2048_8192_SHA384,
    ring::RSA_PKCS1_2048_8192_SHA512,
    ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    ring::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    ring::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// Certificates that a verifier trusts to name others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots(Vec<CertificateDer<'static>>);

/// Reads certificates in PEM, one after the other; text in between is passed over.
///
/// # Errors
/// [`BundleError::Certificate`] when one is malformed or there is none.
pub fn certificates_from_pem(text: &str) -> Result<Vec<Vec<u8>>, BundleError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let wrong = |why: &str| BundleError::Certificate(why.to_owned());
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let from = rest.get(at..).unwrap_or_default();
        let end = from
            .find(END)
            .ok_or_else(|| wrong("a PEM block has no end"))?
            + END.len();
        let (block, after) = from.split_at(end);
        let (_, der) =
            pem::decode_vec(block.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        all.push(der);
        rest = after;
    }
    if all.is_empty() {
        return Err(wrong(
            "there is none; expected PEM (-----BEGIN CERTIFICATE-----)",
        ));
    }
    Ok(all)
}

impl Roots {
    /// Reads trusted certificates in PEM.
    ///
    /// # Errors
    /// [`BundleError::Certificate`].
    pub fn from_pem(text: &str) -> Result<Self, BundleError> {
        let all = certificates_from_pem(text)?;
        let roots = Self(all.into_iter().map(CertificateDer::from).collect());
        roots.anchors()?;
        Ok(roots)
    }

    fn anchors(&self) -> Result<Vec<TrustAnchor<'_>>, BundleError> {
        let anchor = |der| {
            webpki::anchor_from_trusted_cert(der).map_err(|error| {
                BundleError::Certificate(format!("a root is not readable: {error}"))
            })
        };
        self.0.iter().map(anchor).collect()
    }

    /// Follows the chain from the signer's certificate, its first, to a root; gives the signer's key and names.
    ///
    /// Validity is looked at as of the start of the signer's certificate, as the reference implementation does: a
    /// bundle without a timestamp cannot say when it was signed.
    pub(super) fn verify(&self, chain: &[Vec<u8>]) -> Result<(EcPublicKey, Subject), BundleError> {
        let wrong = |why: String| BundleError::Certificate(why);
        let (own, above) = chain
            .split_first()
            .ok_or_else(|| wrong("there is none".to_owned()))?;
        let parsed = parse(own)?;
        may_sign(&parsed)?;
        if !self.0.iter().any(|root| root.as_ref() == own.as_slice()) {
            let from = parsed.validity().not_before.timestamp();
            let from = UnixTime::since_unix_epoch(std::time::Duration::from_secs(
                u64::try_from(from).unwrap_or_default(),
            ));
            let der = CertificateDer::from(own.as_slice());
            let above: Vec<_> = above
                .iter()
                .map(|der| CertificateDer::from(der.as_slice()))
                .collect();
            let anchors = self.anchors()?;
            EndEntityCert::try_from(&der)
                .and_then(|own| {
                    own.verify_for_usage(&ALGORITHMS, &anchors, &above, from, AnyUsage, None, None)
                        .map(|_| ())
                })
                .map_err(|error| wrong(format!("it leads to no trusted root: {error}")))?;
        }
        Ok((
            EcPublicKey::from_der(parsed.public_key().raw)?,
            Subject::of(&parsed),
        ))
    }
}

/// The public key that a certificate is for.
pub(super) fn key_of(der: &[u8]) -> Result<EcPublicKey, BundleError> {
    EcPublicKey::from_der(parse(der)?.public_key().raw)
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, BundleError> {
    match X509Certificate::from_der(der) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) => Err(BundleError::Certificate("bytes follow it".to_owned())),
        Err(_) => Err(BundleError::Certificate(
            "it is not X.509 in DER".to_owned(),
        )),
    }
}

/// The reference implementation's rule: the key usage has digital signatures, or the extended one signing of code.
fn may_sign(certificate: &X509Certificate<'_>) -> Result<(), BundleError> {
    let unclear = |_| BundleError::Certificate("an extension is there twice".to_owned());
    let usage = certificate.key_usage().map_err(unclear)?;
    let extended = certificate.extended_key_usage().map_err(unclear)?;
    let signs = usage.is_some_and(|usage| usage.value.digital_signature())
        || extended.is_some_and(|usage| usage.value.code_signing);
    if signs {
        Ok(())
    } else {
        Err(BundleError::Certificate(
            "it may not sign; it needs the key usage digitalSignature or codeSigning".to_owned(),
        ))
    }
}

/// What the certificate may be used for is looked at by [`may_sign`].
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _usages: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}
