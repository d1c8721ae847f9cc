mod signature;
mod validity;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    KeyError, KeyId, PublicKey, aibom,
    intoto::{Layout, MetadataError, Signed},
    json::{JsonError, Limits, jcs, parse},
};

pub use signature::TrustSignature;
pub use validity::{FormerKey, KeyRefusal, Part, Revocation, Window};

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
    /// When it may sign.
    #[serde(default, skip_serializing_if = "Window::is_open")]
    pub window: Window,
}

/// What a verifier starts from, given out of band: two pinned keys, those that they replaced, the keys that were
/// revoked, and for information the functionaries and the layout in force.
///
/// Verification takes the owner's keys (layouts) and the platform's (AIBoMs, Statements) from here and nothing else;
/// who may sign links is what the owner-signed layout beside the links says, within the windows that stand here.
///
/// The owner signs the file. Who has pinned an owner's key takes a newer version that it signed, wherever from.
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
    /// Counts up with every change.
    #[serde(default)]
    pub version: u64,
    /// Since when the platform's key signs; absent for the first one.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub platform_since: Option<OffsetDateTime>,
    /// Keys of owner and platform that were replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<FormerKey>,
    /// Keys that nothing is believed of any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<Revocation>,
    /// The owner's signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<TrustSignature>,
}

/// Why a file is no trust file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// Not JSON.
    #[error("trust file: {0}")]
    Json(#[from] JsonError),
    /// JSON of another shape.
    #[error(
        "trust file: {0}; expected owner, platform, functionaries, layout, version, signatures and at most \
         layout_scan, platform_since, former, revoked"
    )]
    Shape(String),
    /// The owner has not signed it.
    #[error("trust file: it is not signed with the owner's key {0}")]
    Unsigned(KeyId),
    /// The owner's signature does not fit.
    #[error("trust file: {0}")]
    Signature(KeyError),
    /// It lacks what an earlier one of the same owner says, or is older.
    #[error("trust file: version {version} {reason}")]
    Older {
        /// Its version.
        version: u64,
        /// What speaks against it.
        reason: String,
    },
    /// The layout in it is not signed by the owner in it.
    #[error("trust file: its layout: {0}")]
    Layout(#[from] MetadataError),
}

impl Trust {
    /// The first trust file of a platform, not signed yet.
    pub fn new(
        owner: PublicKey,
        platform: PublicKey,
        functionaries: Vec<Functionary>,
        layout: Value,
        layout_scan: Option<Value>,
    ) -> Self {
        Self {
            owner,
            platform,
            functionaries,
            layout,
            layout_scan,
            version: 1,
            platform_since: None,
            former: Vec::new(),
            revoked: Vec::new(),
            signatures: Vec::new(),
        }
    }

    /// Reads `trust.json` and checks that its owner signed it and its layouts.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustError> {
        let value = parse(bytes, &Limits::METADATA)?;
        let trust: Self =
            serde_json::from_value(value).map_err(|error| TrustError::Shape(error.to_string()))?;
        trust.check_signed_by(&trust.owner)?;
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

    /// The owner's keys, the one in force first.
    pub fn owners(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.owner).chain(self.former_of(Part::Owner))
    }

    /// The owner's key of this id, now or before; the one in force if there is none, whose check then says what is wrong.
    pub fn owner_of(&self, keyid: KeyId) -> &PublicKey {
        let named = self.owners().find(|key| key.keyid() == keyid);
        named.unwrap_or(&self.owner)
    }

    /// The platform's keys, the one in force first.
    pub fn platforms(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(&self.platform).chain(self.former_of(Part::Platform))
    }

    fn former_of(&self, part: Part) -> impl Iterator<Item = &PublicKey> {
        let of_part = self.former.iter().filter(move |one| one.part == part);
        of_part.map(|one| &one.key)
    }

    /// The platform's key that an AIBoM names as its signer's, if it is one of the platform's; else the one in force,
    /// whose check then says what is wrong.
    pub fn platform_of(&self, bom: &[u8]) -> &PublicKey {
        if self.former.is_empty() {
            return &self.platform;
        }
        let mut keys = self.platforms();
        let named = keys.find(|key| aibom::names_signer(bom, key));
        named.unwrap_or(&self.platform)
    }

    /// Whether what the key signed at that time counts: it is not revoked, and the time lies in its window, if there
    /// are both.
    ///
    /// # Errors
    /// [`KeyRefusal`].
    pub fn check_key(&self, keyid: KeyId, at: Option<OffsetDateTime>) -> Result<(), KeyRefusal> {
        if let Some(one) = self.revoked.iter().find(|one| one.keyid == keyid) {
            return Err(KeyRefusal::Revoked(one.clone()));
        }
        match (self.window_of(keyid), at) {
            (Some(window), Some(at)) if !window.holds(at) => {
                Err(KeyRefusal::OutOfWindow { keyid, window, at })
            }
            _ => Ok(()),
        }
    }

    fn window_of(&self, keyid: KeyId) -> Option<Window> {
        let mut all = self.windows();
        all.find(|(key, _)| key.keyid() == keyid)
            .map(|(_, window)| window)
    }

    /// Every key that the file names, and when it may sign.
    fn windows(&self) -> impl Iterator<Item = (&PublicKey, Window)> {
        let platform = Window {
            from: self.platform_since,
            until: None,
        };
        let former = self.former.iter().map(|one| (&one.key, one.window));
        let functionaries = self.functionaries.iter().map(|one| (&one.key, one.window));
        // The owner's last: a key that is two things has the narrower window.
        [(&self.platform, platform)]
            .into_iter()
            .chain(former)
            .chain(functionaries)
            .chain([(&self.owner, Window::default())])
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
mod tests;
