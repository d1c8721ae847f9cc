use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Metadata, Parameters};

/// Bytes of a code at most.
const MAX_CODE_BYTES: usize = 64;
/// Bytes of a message at most, without the note that it was cut.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Why a request cannot be done: a stable code for machines, the field it is about, a sentence for people.
///
/// Codes are dotted, the first part naming what is at fault: `model.*`, `dataset.*`, `definition.*` and
/// `parameters.*` are about what was handed in; `training.*` is a training that went wrong by itself (it diverged);
/// `limit.*` is a limit that was hit; `trainer.*` is a fault of the program that trains, `platform.*` one of what
/// runs it, `worker.lost` the end of a job whose attempts broke off.
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

    /// A fault of no form field: of ours, of the machine, of a limit, or of the training itself.
    pub fn without_field(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code),
            field: None,
            message: message.into(),
        }
    }

    /// Whether it lies in what was handed in, so that handing in something else would help: it names a form field,
    /// or the training itself went wrong (`training.*`).
    ///
    /// The service answers such a fault of a check with 422, any other with 500.
    pub fn is_users(&self) -> bool {
        self.field.is_some() || self.code.starts_with("training.")
    }

    /// What may be stored and shown of a fault that the trainer reported, which has touched a user's files; `None`
    /// when its code is no dotted lower-case word of at most 64 bytes.
    ///
    /// A field that the form does not have is dropped, a control character becomes a space, and a message of more
    /// than 4,096 bytes is cut, with a note.
    pub fn sanitized(self) -> Option<Self> {
        if !is_code(&self.code) {
            return None;
        }
        Some(Self {
            field: self.field.filter(|field| is_field(field)),
            message: plain(&self.message),
            ..self
        })
    }
}

fn is_code(code: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    code.len() <= MAX_CODE_BYTES && code.contains('.') && code.split('.').all(is_word)
}

fn is_field(name: &str) -> bool {
    ["model", "dataset", "dataset_definition", "framework"].contains(&name)
        || Parameters::FIELDS.contains(&name)
        || Metadata::FIELDS.contains(&name)
}

fn plain(message: &str) -> String {
    let kept = message
        .get(..message.floor_char_boundary(MAX_MESSAGE_BYTES))
        .unwrap_or(message);
    let mut plain: String = kept
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    if kept.len() < message.len() {
        plain.push_str(&format!("… (cut; {} bytes)", message.len()));
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whose_fault_it_is() {
        assert!(Fault::model("model.malformed", "").is_users());
        assert!(Fault::without_field("training.diverged", "").is_users());
        assert!(!Fault::without_field("trainer.panic", "").is_users());
    }

    fn reported(code: String, field: Option<String>, message: String) -> Fault {
        Fault {
            code: code.into(),
            field: field.map(Cow::Owned),
            message,
        }
    }

    #[test]
    fn what_a_trainer_reports_is_cleaned() {
        let honest = Fault::dataset("dataset.column_type", "column \"a\" holds \"é\"");
        assert_eq!(honest.clone().sanitized(), Some(honest));
        for field in ["epochs", "license_name", "framework", "dataset_definition"] {
            let fault = Fault::of(field, "parameters.x", "");
            assert_eq!(fault.sanitized().unwrap().field.as_deref(), Some(field));
        }
        let wrong = Fault::of("<b>", "model.x", "a\x1b[31m\nb\u{9b}c");
        let cleaned = wrong.sanitized().unwrap();
        assert_eq!(cleaned.field, None);
        assert_eq!(cleaned.message, "a [31m b c");
        let long = Fault::model("model.x", "é".repeat(MAX_MESSAGE_BYTES));
        let cut = long.sanitized().unwrap().message;
        assert!(cut.ends_with("é… (cut; 8192 bytes)") && cut.len() < MAX_MESSAGE_BYTES + 64);
        for code in ["Not A Code", "model", "model.", ".x", "a..b", "", "model.é"] {
            assert_eq!(reported(code.into(), None, String::new()).sanitized(), None);
        }
        let long = format!("model.{}", "x".repeat(MAX_CODE_BYTES));
        assert_eq!(reported(long, None, String::new()).sanitized(), None);
    }

    proptest! {
        #[test]
        fn whatever_is_reported_comes_out_plain(code in ".{0,80}|[a-z.]{0,80}", field: Option<String>, message: String) {
            if let Some(fault) = reported(code, field, message).sanitized() {
                prop_assert!(is_code(&fault.code));
                prop_assert!(fault.field.as_deref().is_none_or(is_field));
                prop_assert!(!fault.message.chars().any(char::is_control));
                prop_assert_eq!(fault.clone().sanitized(), Some(fault));
            }
        }
    }
}
