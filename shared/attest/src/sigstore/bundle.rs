use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BundleError, IN_TOTO_PAYLOAD, pae};
use crate::json::{Limits, jcs, parse};

/// The one media type that is written and read.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Certificates looked at in one bundle.
const MAX_CERTIFICATES: usize = 16;
/// For a model of some hundred thousand files.
const LIMITS: Limits = Limits {
    max_bytes: 128 << 20,
    max_depth: 16,
    max_values: 100_000,
};

/// Says who signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// SHA-256 of the public key's PEM, in hexadecimal; `None` in bundles of older programs.
    Key(Option<String>),
    /// X.509 certificates in DER, the signer's first.
    Certificates(Vec<Vec<u8>>),
}

/// A sigstore bundle with one statement in a DSSE envelope. Nothing about it is verified until a
/// [`super::Verifier`] has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Who is said to have signed.
    pub material: Material,
    /// The statement's bytes.
    pub payload: Vec<u8>,
    /// The DER signature over the envelope's [`pae`].
    pub signature: Vec<u8>,
}

impl Bundle {
    /// Reads the bundle's JSON, as any implementation writes it.
    ///
    /// # Errors
    /// [`BundleError::Json`], [`BundleError::Shape`].
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let shape = |error: &dyn std::fmt::Display| BundleError::Shape(error.to_string());
        let read: Read =
            serde_json::from_value(parse(bytes, &LIMITS)?).map_err(|error| shape(&error))?;
        if read.media_type != BUNDLE_MEDIA_TYPE {
            return Err(shape(&format!(
                "its mediaType is {:?}",
                start(&read.media_type)
            )));
        }
        let envelope = read.dsse_envelope;
        if envelope.payload_type != IN_TOTO_PAYLOAD {
            return Err(shape(&format!(
                "its payloadType is {:?}",
                start(&envelope.payload_type)
            )));
        }
        let [signature] = envelope.signatures.as_slice() else {
            return Err(shape(&format!(
                "it has {} signatures",
                envelope.signatures.len()
            )));
        };
        Ok(Self {
            material: read.verification_material.try_into()?,
            payload: decode(&envelope.payload)?,
            signature: decode(&signature.sig)?,
        })
    }

    /// Reads a bundle that this crate has written: no other bytes mean the same.
    ///
    /// # Errors
    /// As [`Bundle::parse`].
    pub fn parse_own(bytes: &[u8]) -> Result<Self, BundleError> {
        let bundle = Self::parse(bytes)?;
        if bundle.to_bytes() == bytes {
            Ok(bundle)
        } else {
            Err(BundleError::Shape("it is not in canonical form".to_owned()))
        }
    }

    /// The bundle's file: canonical JSON (RFC 8785).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut material = match &self.material {
            Material::Key(hint) => json!({"publicKey": {"hint": hint}}),
            Material::Certificates(chain) => {
                let chain: Vec<Value> = chain
                    .iter()
                    .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
                    .collect();
                json!({"x509CertificateChain": {"certificates": chain}})
            }
        };
        if let Some(members) = material.as_object_mut() {
            // The reference implementation reads none without it.
            members.insert("tlogEntries".into(), json!([]));
        }
        jcs(&json!({
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": STANDARD.encode(&self.payload),
                "payloadType": IN_TOTO_PAYLOAD,
                "signatures": [{"keyid": "", "sig": STANDARD.encode(&self.signature)}],
            },
        }))
    }

    /// What the signature is made over.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pae(IN_TOTO_PAYLOAD, &self.payload)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    media_type: String,
    verification_material: ReadMaterial,
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadMaterial {
    public_key: Option<Hint>,
    x509_certificate_chain: Option<Chain>,
}

#[derive(Deserialize)]
struct Hint {
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<Certificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    raw_bytes: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

impl TryFrom<ReadMaterial> for Material {
    type Error = BundleError;

    fn try_from(read: ReadMaterial) -> Result<Self, BundleError> {
        match (read.public_key, read.x509_certificate_chain) {
            (Some(key), None) => Ok(Self::Key(key.hint.filter(|hint| !hint.is_empty()))),
            (None, Some(chain)) if (1..=MAX_CERTIFICATES).contains(&chain.certificates.len()) => {
                let decoded: Result<_, _> = chain
                    .certificates
                    .iter()
                    .map(|one| decode(&one.raw_bytes))
                    .collect();
                Ok(Self::Certificates(decoded?))
            }
            (None, Some(chain)) => Err(BundleError::Shape(format!(
                "it has {} certificates",
                chain.certificates.len()
            ))),
            _ => Err(BundleError::Shape(
                "it names neither a public key nor a certificate chain, or both".to_owned(),
            )),
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>, BundleError> {
    STANDARD
        .decode(text)
        .map_err(|error| BundleError::Shape(format!("base64: {error}")))
}

/// As much of a stranger's text as a message should hold.
fn start(text: &str) -> String {
    text.chars().take(80).collect()
}
