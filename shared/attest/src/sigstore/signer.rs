use super::{Bundle, BundleError, EcPublicKey, IN_TOTO_PAYLOAD, Material, Roots, Subject, pae};
use crate::SigningKey;

/// What signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// A key, which verifiers have to know.
    Key(&'a SigningKey),
    /// A key with its certificate and those above it, in DER; verifiers have to know the root.
    Certificate {
        /// The key that the certificate is for.
        key: &'a SigningKey,
        /// The certificates, the key's own first.
        chain: &'a [Vec<u8>],
    },
}

/// What a verifier has pinned.
#[derive(Debug, Clone)]
pub enum Verifier {
    /// The key that must have signed.
    Key(EcPublicKey),
    /// Roots, to one of which the signer's certificate must lead.
    Roots(Roots),
}

/// Who signed, as far as what was pinned binds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// The pinned key with this hint.
    Key(String),
    /// Whom a certificate under a pinned root names.
    Certificate(Subject),
}

impl SignedBy {
    /// Demands that a certificate under a pinned root names this identity and this issuer, as far as they are given.
    ///
    /// What a signer says of itself in a signed statement counts for nothing here: whoever holds a key can say it.
    ///
    /// # Errors
    /// [`BundleError::Identity`].
    pub fn require(&self, identity: Option<&str>, issuer: Option<&str>) -> Result<(), BundleError> {
        let Some(asked) = identity.or(issuer) else {
            return Ok(());
        };
        let subject = match self {
            Self::Certificate(subject) => subject,
            Self::Key(_) => {
                return Err(BundleError::Identity(format!(
                    "no certificate binds {asked:?} to the key that signed: what a signer says of itself is only \
                     claimed; verify with the root that vouches for it (--root)"
                )));
            }
        };
        let same = identity.is_none_or(|wanted| subject.identities.iter().any(|one| one == wanted))
            && issuer.is_none_or(|wanted| subject.issuer.as_deref() == Some(wanted));
        if same {
            return Ok(());
        }
        Err(BundleError::Identity(format!(
            "none of the expected identities matched what was in the certificate, got subjects [{}] with issuer {}",
            subject.identities.join(", "),
            subject.issuer.as_deref().unwrap_or("unknown")
        )))
    }
}

impl Signer<'_> {
    /// Signs a statement; gives the bundle's file.
    ///
    /// # Errors
    /// [`BundleError::Certificate`] when the first certificate is not the key's; [`BundleError::Signing`].
    pub fn sign(&self, payload: Vec<u8>) -> Result<Vec<u8>, BundleError> {
        let message = pae(IN_TOTO_PAYLOAD, &payload);
        let (key, material) = match self {
            Self::Key(key) => {
                let hint = EcPublicKey::try_from(key.public())?.hint();
                (key, Material::Key(Some(hint)))
            }
            Self::Certificate { key, chain } => {
                let own = chain
                    .first()
                    .ok_or_else(|| BundleError::Certificate("there is none".to_owned()))?;
                if super::certificate::key_of(own)?.to_pem() != key.public().to_pem() {
                    return Err(BundleError::Certificate(
                        "the first one is not for the key that signs".to_owned(),
                    ));
                }
                (key, Material::Certificates(chain.to_vec()))
            }
        };
        let bundle = Bundle {
            material,
            signature: key.sign_der(&message)?,
            payload,
        };
        Ok(bundle.to_bytes())
    }
}

/// A check of a signature over a message.
type Check = fn(&EcPublicKey, &[u8], &[u8]) -> Result<(), BundleError>;

impl Verifier {
    /// Verifies the bundle's signature with what is pinned, as any implementation may have written it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn verify(&self, bundle: &Bundle) -> Result<SignedBy, BundleError> {
        self.verify_with(bundle, EcPublicKey::verify)
    }

    /// Verifies a bundle that is written by this crate alone: a signature has one encoding, by a P-256 key, s low.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn verify_canonical(&self, bundle: &Bundle) -> Result<SignedBy, BundleError> {
        self.verify_with(bundle, EcPublicKey::verify_canonical)
    }

    fn verify_with(&self, bundle: &Bundle, verify: Check) -> Result<SignedBy, BundleError> {
        match (self, &bundle.material) {
            (Self::Key(key), Material::Key(named)) => {
                let given = key.hint();
                if let Some(named) = named.as_ref().filter(|named| **named != given) {
                    let short = |text: &str| text.chars().take(12).collect();
                    return Err(BundleError::OtherKey {
                        named: short(named),
                        given: short(&given),
                    });
                }
                verify(key, &bundle.signed_bytes(), &bundle.signature)?;
                Ok(SignedBy::Key(given))
            }
            (Self::Roots(roots), Material::Certificates(chain)) => {
                let (key, subject) = roots.verify(chain)?;
                verify(&key, &bundle.signed_bytes(), &bundle.signature)?;
                Ok(SignedBy::Certificate(subject))
            }
            (Self::Key(_), Material::Certificates(_)) => Err(BundleError::OtherMethod {
                carries: "a certificate",
                with: "the roots that you trust (--root)",
            }),
            (Self::Roots(_), Material::Key(_)) => Err(BundleError::OtherMethod {
                carries: "the name of a key and no certificate",
                with: "that key (--key)",
            }),
        }
    }
}
