//! Identifiers as types of their own, so that one cannot be taken for the other.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A job's id: a UUID of version 7, so ids sort by the time of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

/// The folder of a job's artifacts: a random UUID, the first component of every path in its links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UniqueDir(pub Uuid);

impl JobId {
    /// A new id.
    #[expect(clippy::new_without_default, reason = "two calls give two values")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl UniqueDir {
    /// A new folder name.
    #[expect(clippy::new_without_default, reason = "two calls give two values")]
    pub fn new() -> Self {
        Self(Uuid::new_v4())
    }
}

macro_rules! text_form {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }
    };
}

text_form!(JobId);
text_form!(UniqueDir);
