use std::fmt;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::TrustSignature;
use crate::{KeyId, PublicKey};

/// From when and until when a key may sign; open where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The first instant at which it may.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub from: Option<OffsetDateTime>,
    /// The last instant at which it may.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub until: Option<OffsetDateTime>,
}

impl Window {
    /// Whether nothing is said.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no instant lies in it that does not lie in the other, too.
    pub fn is_within(&self, other: &Self) -> bool {
        let begins = other.from.is_none_or(|from| self.from >= Some(from));
        let ends = |until| self.until.is_some_and(|own| own <= until);
        begins && other.until.is_none_or(ends)
    }

    /// Whether the instant lies within.
    pub fn holds(&self, at: OffsetDateTime) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at <= until)
    }
}

/// What a key of the platform's that is not in force any more was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// It signed layouts and trust files.
    Owner,
    /// It signed AIBoMs and Statements.
    Platform,
}

/// A key that was replaced. What it signed in its time stays good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerKey {
    /// What it was for.
    pub part: Part,
    /// The key.
    pub key: PublicKey,
    /// When it might sign.
    pub window: Window,
    /// An owner's signature of the key that took its place ([`TrustSignature::of_successor`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<TrustSignature>,
}

/// A key that nothing is believed of any more, whenever it was signed: the time is the signer's own word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The key.
    pub keyid: KeyId,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Why, for people.
    pub reason: String,
}

/// Why a key does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRefusal {
    /// The owner revoked it.
    Revoked(Revocation),
    /// It was used outside of its window.
    OutOfWindow {
        /// The key.
        keyid: KeyId,
        /// When it might sign.
        window: Window,
        /// When it did.
        at: OffsetDateTime,
    },
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revoked(one) => write!(
                f,
                "the owner revoked the key {} on {}: {}",
                one.keyid,
                text(one.at),
                one.reason
            ),
            Self::OutOfWindow { keyid, window, at } => {
                write!(f, "the key {keyid} may sign")?;
                if let Some(from) = window.from {
                    write!(f, " from {}", text(from))?;
                }
                if let Some(until) = window.until {
                    write!(f, " until {}", text(until))?;
                }
                write!(f, "; the proof is of {}", text(*at))
            }
        }
    }
}

fn text(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}
