use serde::{Deserialize, Serialize};

use crate::Fault;

/// The `framework` that a job names. Both train Keras files with this project's own trainer, and the AIBoM says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Framework {
    /// The name that users of AIBoMGen send; its models are Keras 3 files.
    #[serde(rename = "TensorFlow 2.16.1")]
    TensorFlow,
    /// The engine that really trains.
    #[serde(rename = "candle")]
    Candle,
}

impl Framework {
    /// The accepted values of the form field.
    pub const ACCEPTED: [&'static str; 2] = ["TensorFlow 2.16.1", "candle"];

    /// The framework of a form field's value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "TensorFlow 2.16.1" => Ok(Self::TensorFlow),
            "candle" => Ok(Self::Candle),
            other => Err(Fault::of(
                "framework",
                "parameters.framework",
                format!(
                    "framework {other:?} is not known; use \"candle\" or \"TensorFlow 2.16.1\""
                ),
            )),
        }
    }

    /// The name as it was sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TensorFlow => "TensorFlow 2.16.1",
            Self::Candle => "candle",
        }
    }
}
