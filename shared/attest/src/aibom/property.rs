use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::Measured;
use crate::json::jcs;

/// A CycloneDX property list under construction. Names are `assay:<name>`.
#[derive(Debug, Default)]
pub(super) struct Properties(Vec<Value>);

impl Properties {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0
            .push(json!({"name": format!("assay:{name}"), "value": value.into()}));
        self
    }

    /// Only what was given.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What could not be measured says so.
    pub(super) fn with_measured(self, name: &str, value: &Measured) -> Self {
        match value {
            Measured::Value(value) => self.with(name, value),
            Measured::Unknown { reason } => self.with(name, format!("unknown: {reason}")),
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Array(self.0)
    }
}

/// The value of a property in a list made by [`Properties`].
pub(super) fn find<'a>(list: &'a Value, name: &str) -> Option<&'a str> {
    list.as_array()?.iter().find_map(|property| {
        let full = property.get("name")?.as_str()?;
        (full.strip_prefix("assay:")? == name).then(|| property.get("value")?.as_str())?
    })
}

/// A value as the text of a property: strings as they are, everything else as canonical JSON.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => String::from_utf8(jcs(other)).unwrap_or_default(),
    }
}

/// A double as ECMAScript writes it; `NaN` and `Infinity` where training diverged.
pub(super) fn double(number: f64) -> String {
    ryu_js::Buffer::new().format(number).to_owned()
}

/// RFC 3339, UTC.
pub(super) fn instant(at: OffsetDateTime) -> String {
    // Fails only for years beyond 9999.
    at.to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_default()
}

/// `[28, 28, 1]`.
pub(super) fn shape(shape: &[u64]) -> String {
    let sizes: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("[{}]", sizes.join(", "))
}
