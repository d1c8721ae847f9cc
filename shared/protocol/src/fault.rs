use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Why a request cannot be done: a stable code for machines, the field it is about, a sentence for people.
///
/// Codes are dotted, the first part naming what is at fault: `model.*`, `dataset.*`, `definition.*` and
/// `parameters.*` are the user's to mend; `training.*` is a training that went wrong by itself (it diverged);
/// `trainer.*` is a fault of ours; `limit.*` is a limit that was hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// Stable, dotted, lower case: `model.unsupported_layer`.
    pub code: Cow<'static, str>,
    /// The form field at fault: `model`, `dataset`, `dataset_definition`, `epochs`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Cow<'static, str>>,
    /// One or two plain sentences: what is wrong and what would be right.
    pub message: String,
}

impl Fault {
    /// A fault of one form field.
    pub fn of(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            field: Some(Cow::Borrowed(field)),
            message: message.into(),
        }
    }

    /// A fault of the model file.
    pub fn model(code: &'static str, message: impl Into<String>) -> Self {
        Self::of("model", code, message)
    }

    /// A fault of the data set file.
    pub fn dataset(code: &'static str, message: impl Into<String>) -> Self {
        Self::of("dataset", code, message)
    }

    /// A fault of the data set definition.
    pub fn definition(code: &'static str, message: impl Into<String>) -> Self {
        Self::of("dataset_definition", code, message)
    }

    /// A fault of ours, or of the machine: nothing that the user could mend.
    pub fn trainer(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            field: None,
            message: message.into(),
        }
    }

    /// Whether the user can mend it (then it is answered with a 4xx and never retried).
    ///
    /// That is so if it names a field, and if the training itself went wrong: a retry would go the same way.
    pub fn is_users(&self) -> bool {
        self.field.is_some() || self.code.starts_with("training.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_fault_it_is() {
        assert!(Fault::model("model.malformed", "").is_users());
        assert!(Fault::trainer("training.diverged", "").is_users());
        assert!(!Fault::trainer("trainer.panic", "").is_users());
    }
}
