use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{AnyLink, Layout, MetadataError};
use crate::{
    KeyError, SigningKey, VerificationKey,
    dsse::{DsseError, Envelope, IN_TOTO},
    json::{Limits, jcs, olpc, parse},
};

/// What in-toto metadata says.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// One functionary's word on one step.
    Link(Box<AnyLink>),
    /// What must have happened. In the place of a link: how a functionary had the step carried out by others.
    Layout(Box<Layout>),
}

/// Which of the two containers carries the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `{"signatures": […], "signed": {…}}`, signed over the canonical JSON of `signed`.
    Metablock,
    /// A DSSE envelope (ITE-5), signed over its bytes.
    Dsse,
}

/// Links and layouts of any tool: metablock or DSSE envelope, in any encoding, with any number of signatures.
///
/// What the platform itself signs is read by [`super::Signed`], which accepts one encoding only.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    payload: Payload,
    container: Container,
}

#[derive(Debug, Clone, PartialEq)]
enum Container {
    Metablock {
        signed: Value,
        message: Vec<u8>,
        signatures: Vec<Signature>,
    },
    Dsse(Envelope),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

impl Metadata {
    /// Reads a metablock or an envelope. Duplicate keys and unknown members of links and layouts are refused.
    ///
    /// # Errors
    /// [`MetadataError`] but for `OtherKey`.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let Value::Object(mut members) = parse(bytes, &Limits::METADATA)? else {
            return Err(MetadataError::Shape("it is no JSON object".into()));
        };
        if members.contains_key("payload") {
            let envelope = Envelope::parse(bytes, &Limits::METADATA)?;
            if envelope.payload_type != IN_TOTO {
                return Err(DsseError::Type {
                    found: envelope.payload_type.chars().take(80).collect(),
                    expected: IN_TOTO,
                }
                .into());
            }
            let mut keyids: Vec<_> = envelope.signatures.iter().map(|one| &one.keyid).collect();
            keyids.sort_unstable();
            if keyids.windows(2).any(|two| two.first() == two.last()) {
                return Err(MetadataError::Shape("two signatures of one key".into()));
            }
            let payload = read(parse(&envelope.payload, &Limits::METADATA)?)?;
            let container = Container::Dsse(envelope);
            return Ok(Self { payload, container });
        }
        let mut member = |name: &str| members.remove(name).unwrap_or_default();
        let signatures = serde_json::from_value(member("signatures")).map_err(shape)?;
        Self::metablock(member("signed"), signatures)
    }

    /// Metadata that nobody has signed yet, from the JSON of a link or a layout.
    ///
    /// # Errors
    /// [`MetadataError::Json`], [`MetadataError::Shape`], [`MetadataError::Canonical`].
    pub fn unsigned(bytes: &[u8], form: Form) -> Result<Self, MetadataError> {
        let value = parse(bytes, &Limits::METADATA)?;
        match form {
            Form::Metablock => Self::metablock(value, Vec::new()),
            Form::Dsse => {
                let envelope = Envelope::new(IN_TOTO, jcs(&value));
                Ok(Self {
                    payload: read(value)?,
                    container: Container::Dsse(envelope),
                })
            }
        }
    }

    fn metablock(signed: Value, signatures: Vec<Signature>) -> Result<Self, MetadataError> {
        Ok(Self {
            payload: read(signed.clone())?,
            container: Container::Metablock {
                message: olpc(&signed)?,
                signed,
                signatures,
            },
        })
    }

    /// The same metadata in the form asked for: itself, or without signatures when the form is the other one.
    ///
    /// # Errors
    /// [`MetadataError::Canonical`] when a metablock cannot hold it.
    pub fn into_form(self, form: Form) -> Result<Self, MetadataError> {
        match (&self.container, form) {
            (Container::Metablock { signed, .. }, Form::Dsse) => Self::unsigned(&jcs(signed), form),
            (Container::Dsse(envelope), Form::Metablock) => Self::unsigned(&envelope.payload, form),
            _ => Ok(self),
        }
    }

    /// What it says. Anybody can have written this: see [`Metadata::verify`].
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Adds the key's signature, in the place of an older one of the same key.
    ///
    /// # Errors
    /// As [`SigningKey::sign_der`]; the metadata is as it was then.
    pub fn sign(&mut self, key: &SigningKey) -> Result<(), KeyError> {
        match &mut self.container {
            Container::Dsse(envelope) => envelope.sign(key)?,
            Container::Metablock {
                message,
                signatures,
                ..
            } => {
                let keyid = key.keyid().to_string();
                let sig = key.sign_hex(message)?;
                signatures.retain(|one| one.keyid != keyid);
                signatures.push(Signature { keyid, sig });
            }
        }
        Ok(())
    }

    /// The file, canonical JSON (RFC 8785).
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.container {
            Container::Dsse(envelope) => envelope.to_bytes(),
            Container::Metablock {
                signed, signatures, ..
            } => {
                let list = |one: &Signature| json!({"keyid": one.keyid, "sig": one.sig});
                let signatures: Vec<Value> = signatures.iter().map(list).collect();
                jcs(&json!({"signatures": signatures, "signed": signed}))
            }
        }
    }

    /// Verifies the signature that the metadata carries under the key's id.
    ///
    /// # Errors
    /// [`MetadataError::Unsigned`] when there is none, [`MetadataError::Key`] when it does not fit, and
    /// [`MetadataError::Shape`] when it is no hexadecimal text.
    pub fn verify(&self, key: &VerificationKey) -> Result<(), MetadataError> {
        let keyid = key.keyid().to_string();
        let missing = || MetadataError::Unsigned(key.keyid());
        match &self.container {
            Container::Dsse(envelope) => {
                let mut signatures = envelope.signatures.iter();
                let found = signatures.find(|one| one.keyid == keyid);
                let found = found.ok_or_else(missing)?;
                Ok(key.verify(&envelope.pae(), &found.sig)?)
            }
            Container::Metablock {
                message,
                signatures,
                ..
            } => {
                let found = signatures.iter().find(|one| one.keyid == keyid);
                let found = found.ok_or_else(missing)?;
                let sig = hex::decode(&found.sig)
                    .map_err(|_| MetadataError::Shape("a signature is not hexadecimal".into()))?;
                Ok(key.verify(message, &sig)?)
            }
        }
    }
}

fn read(value: Value) -> Result<Payload, MetadataError> {
    match value.get("_type").and_then(Value::as_str) {
        Some("link") => serde_json::from_value(value)
            .map(Payload::Link)
            .map_err(shape),
        Some("layout") => {
            let layout: Layout = serde_json::from_value(value).map_err(shape)?;
            let shared = |name| layout.steps.iter().any(|step| step.name == name);
            match layout.inspect.iter().find(|one| shared(&*one.name)) {
                Some(one) => Err(MetadataError::Shape(format!(
                    "a step and an inspection are both called {:?}",
                    one.name
                ))),
                None => Ok(Payload::Layout(Box::new(layout))),
            }
        }
        _ => Err(MetadataError::Shape("neither a link nor a layout".into())),
    }
}

fn shape(error: serde_json::Error) -> MetadataError {
    MetadataError::Shape(error.to_string())
}

impl From<DsseError> for MetadataError {
    fn from(error: DsseError) -> Self {
        match error {
            DsseError::Json(error) => Self::Json(error),
            DsseError::Key(error) => Self::Key(error),
            other => Self::Shape(other.to_string()),
        }
    }
}

impl MetadataError {
    /// Whether somebody else's signature may still be good: it is missing here, or does not fit.
    pub(super) fn is_of_signature(&self) -> bool {
        matches!(
            self,
            Self::Unsigned(_) | Self::Key(KeyError::Mismatch(_) | KeyError::Encoding)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_object_or_misses_its_members_is_refused() {
        for text in [
            "[]",
            "1",
            "\"x\"",
            "true",
            "null",
            "{}",
            r#"{"signed":1}"#,
            r#"{"signatures":{}}"#,
        ] {
            assert!(Metadata::parse(text.as_bytes()).is_err(), "{text}");
            for form in [Form::Metablock, Form::Dsse] {
                assert!(Metadata::unsigned(text.as_bytes(), form).is_err(), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn almost_metadata_never_panics(text in r#"[\[\]{}:,"a-d0-9 ]{0,40}|\{("(payload|signatures|signed|payloadType)":(\[\]|1|"x"|\{\}),?){0,4}\}"#) {
            let _ = Metadata::parse(text.as_bytes());
        }
    }
}
