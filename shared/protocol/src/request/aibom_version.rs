use serde::{Deserialize, Serialize};

use crate::Fault;

/// The version of CycloneDX in which a job's AIBoM is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AibomVersion {
    /// 1.6, which most tools read.
    #[default]
    #[serde(rename = "1.6")]
    V1_6,
    /// 1.7, which can also say who gave each fact (`citations`).
    #[serde(rename = "1.7")]
    V1_7,
}

impl AibomVersion {
    /// The form field that asks for one.
    pub const FIELD: &'static str = "aibom";

    /// The version of a form's text; an empty one asks for the usual.
    ///
    /// # Errors
    /// `parameters.aibom` for any other text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        match text.trim() {
            "" | "1.6" => Ok(Self::V1_6),
            "1.7" => Ok(Self::V1_7),
            other => {
                let shown: String = other.chars().take(80).collect();
                let message = format!(
                    "aibom {shown:?} is no version of CycloneDX that is written; use 1.6 or 1.7"
                );
                Err(Fault::of(Self::FIELD, "parameters.aibom", message))
            }
        }
    }

    /// Whether it is the one that a job gets without asking.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_are_known() {
        assert_eq!(AibomVersion::parse("1.7"), Ok(AibomVersion::V1_7));
        assert_eq!(AibomVersion::parse(" "), Ok(AibomVersion::V1_6));
        for text in ["1.5", "2.0", "latest"] {
            let fault = AibomVersion::parse(text).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some("aibom"));
        }
        let text = serde_json::to_string(&AibomVersion::V1_7).unwrap();
        assert_eq!(text, "\"1.7\"");
    }
}
