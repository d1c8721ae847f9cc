use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    PublicKey,
    intoto::{Layout, MetadataError, Signed},
    json::{JsonError, Limits, jcs, parse},
};

/// One who signs links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Functionary {
    /// A name for people: `api`, `worker-1`.
    pub name: String,
    /// Its key.
    pub key: PublicKey,
    /// The steps that it may carry out.
    pub steps: Vec<String>,
}

/// What a verifier starts from, given out of band: two pinned keys, and beside them, for information, the
/// functionaries and the layout in force.
///
/// Verification takes the `owner` key (layouts) and the `platform` key (AIBoMs) from here and nothing else; who may
/// sign links is what the owner-signed layout beside the links says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Signs layouts.
    pub owner: PublicKey,
    /// Signs AIBoMs.
    pub platform: PublicKey,
    /// Who signs links now.
    pub functionaries: Vec<Functionary>,
    /// The signed layout in force, as a JSON value: its canonical JSON is the layout's file.
    pub layout: Value,
    /// The signed layout for jobs whose training must have run in a scanned image, likewise; absent where no scanner
    /// has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout_scan: Option<Value>,
}

/// Why a file is no trust file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not JSON.
    #[error("trust file: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error(
        "trust file: {0}; expected owner, platform, functionaries, layout and at most layout_scan"
    )]
    Shape(String),
    /// The layout in it is not signed by the owner in it.
    #[error("trust file: its layout: {0}")]
    Layout(#[from] MetadataError),
}

impl Trust {
    /// Reads `trust.json` and checks that its layout is signed by its owner.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustError> {
        let value = parse(bytes, &Limits::METADATA)?;
        let trust: Self =
            serde_json::from_value(value).map_err(|error| TrustError::Shape(error.to_string()))?;
        for layout in [Some(trust.layout_file()), trust.layout_scan_file()]
            .into_iter()
            .flatten()
        {
            Signed::<Layout>::parse(&layout)?.verify(&trust.owner)?;
        }
        Ok(trust)
    }

    /// The text of `trust.json`, indented for people.
    ///
    /// # Errors
    /// [`TrustError::Shape`] if it cannot be written, which no value makes happen.
    pub fn to_json(&self) -> Result<String, TrustError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| TrustError::Shape(error.to_string()))?;
        Ok(text + "\n")
    }

    /// The bytes of the signed layout's file.
    pub fn layout_file(&self) -> Vec<u8> {
        jcs(&self.layout)
    }

    /// The bytes of the signed layout's file for jobs in scanned images, where there is one.
    pub fn layout_scan_file(&self) -> Option<Vec<u8>> {
        self.layout_scan.as_ref().map(jcs)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::{Digest, INGEST, SigningKey, intoto::sign, platform_layout};

    fn trust(signer: &SigningKey, owner: &SigningKey) -> Trust {
        let functionary = Functionary {
            name: "api".into(),
            key: owner.public().clone(),
            steps: vec![INGEST.into()],
        };
        let layout = platform_layout(
            std::slice::from_ref(&functionary),
            datetime!(2036-01-01 0:00 UTC),
        );
        let layout: Value = serde_json::from_slice(&sign(&layout, signer).unwrap()).unwrap();
        Trust {
            owner: owner.public().clone(),
            platform: owner.public().clone(),
            functionaries: vec![functionary],
            layout_scan: Some(layout.clone()),
            layout,
        }
    }

    #[test]
    fn the_file_round_trips_and_keeps_the_layouts_bytes() {
        let key = SigningKey::generate();
        let trust = trust(&key, &key);
        let again = Trust::from_json(trust.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(again, trust);
        assert_eq!(
            Digest::of(&again.layout_file()),
            Digest::of(&jcs(&trust.layout))
        );
    }

    #[test]
    fn a_layout_of_another_owner_and_unknown_members_are_refused() {
        let [key, other] = std::array::from_fn(|_| SigningKey::generate());
        let text = trust(&other, &key).to_json().unwrap();
        assert!(matches!(
            Trust::from_json(text.as_bytes()),
            Err(TrustError::Layout(_))
        ));
        let mut mixed = trust(&key, &key);
        mixed.layout_scan = trust(&other, &key).layout_scan;
        assert!(matches!(
            Trust::from_json(mixed.to_json().unwrap().as_bytes()),
            Err(TrustError::Layout(_))
        ));
        let mut value: Value = serde_json::from_str(&trust(&key, &key).to_json().unwrap()).unwrap();
        value["extra"] = 1.into();
        assert!(matches!(
            Trust::from_json(value.to_string().as_bytes()),
            Err(TrustError::Shape(_))
        ));
    }
}
