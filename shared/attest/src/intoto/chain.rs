mod rules;
mod supply;
mod thresholds;

use time::OffsetDateTime;

use super::{Layout, Link, MetadataError, Signed};
use crate::{KeyId, VerificationKey};

pub use rules::{Item, RuleError, check_rules};
pub use supply::{Summary, verify_layout};
pub use thresholds::{Agreement, Sides, Witness, check_thresholds};

fn in_folder(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!(" of {folder}")
    }
}

/// Why links do not make up what a layout asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The link's name is no step.
    #[error("the layout has no step {0:?}")]
    UnknownStep(String),
    /// The signer may not carry out this step.
    #[error("the key {keyid} is not a functionary of the step {step}")]
    Unauthorised {
        /// The step.
        step: String,
        /// The signer.
        keyid: KeyId,
    },
    /// The signature does not verify.
    #[error(transparent)]
    Signature(#[from] MetadataError),
    /// Too few functionaries signed a link of this step.
    #[error("the step {step} has links of {found} functionaries; {needed} needed")]
    Threshold {
        /// The step.
        step: String,
        /// Distinct functionaries with a verified link.
        found: usize,
        /// The step's threshold.
        needed: u32,
    },
    /// Functionaries of one step saw different artifacts.
    #[error("the links of the step {0} name different artifacts")]
    Disagreement(String),
    /// Nobody was named whose layout it must be.
    #[error("no owner's key was given; name at least one public key")]
    NoOwner,
    /// The metadata is a link.
    #[error("it is a link; expected a layout")]
    NotALayout,
    /// The layout is not signed by one who must have signed it.
    #[error("the layout{}: {error}", in_folder(.folder))]
    Owner {
        /// The folder of the layout's links; empty for the outermost layout.
        folder: String,
        /// What is wrong.
        error: MetadataError,
    },
    /// The layout is worth nothing any more.
    #[error("the layout{} expired at {expires}", in_folder(.folder))]
    Expired {
        /// The folder of the layout's links; empty for the outermost layout.
        folder: String,
        /// When it expired.
        expires: OffsetDateTime,
    },
    /// A file of the chain cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// Its path below the links' folder.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Layouts within layouts, or files, are more than anybody could mean.
    #[error("the layout and its sublayouts ask for more than is looked at: {0}")]
    TooMuch(&'static str),
    /// An inspection that cannot be made here.
    #[error("the inspection {name} cannot be made: {reason}")]
    Inspection {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Artifacts break a rule.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Verifies that a link is signed by a functionary whom the layout names for the link's step.
///
/// The layout must have been verified with the owner's key, as the functionary's key is taken from it.
///
/// # Errors
/// [`ChainError::UnknownStep`], [`ChainError::Unauthorised`], [`ChainError::Signature`].
pub fn check_signer<'a>(layout: &Layout, link: &'a Signed<Link>) -> Result<&'a Link, ChainError> {
    let (name, keyid) = (&link.unverified().name, link.keyid());
    let step = layout
        .step(name)
        .ok_or_else(|| ChainError::UnknownStep(name.chars().take(80).collect()))?;
    // The platform's own links are signed with P-256 alone.
    let key = match layout.keys.get(&keyid) {
        Some(VerificationKey::P256(key)) if step.pubkeys.contains(&keyid) => key,
        _ => {
            return Err(ChainError::Unauthorised {
                step: step.name.clone(),
                keyid,
            });
        }
    };
    Ok(link.verify(key)?)
}

#[cfg(test)]
mod tests;
