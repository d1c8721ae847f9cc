use serde_json::Value;

use super::BomError;

/// The versions of CycloneDX in which documents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SpecVersion {
    /// 1.6, ECMA-424 of June 2024.
    V1_6,
    /// 1.7, ECMA-424 of December 2025.
    V1_7,
}

impl SpecVersion {
    /// The one that a request asks for in its member `aibom`; 1.6 where it has none.
    pub(super) fn of(request: &Value) -> Result<Self, BomError> {
        match request.get("aibom").map(Value::as_str) {
            None | Some(Some("1.6")) => Ok(Self::V1_6),
            Some(Some("1.7")) => Ok(Self::V1_7),
            Some(_) => Err(BomError::Facts(
                "the request asks for an unknown version of CycloneDX".into(),
            )),
        }
    }

    /// As the document's `specVersion` writes it.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}
