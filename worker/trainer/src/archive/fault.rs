//! The faults of a model file and how values from it are shown in messages.

use assay_protocol::Fault;
use serde_json::Value;

/// A setting that the trainer does not honour.
pub(super) const SETTING: &str = "model.unsupported_setting";

/// The file is not what it should be.
pub(super) fn malformed(message: impl Into<String>) -> Fault {
    Fault::model("model.malformed", message)
}

/// Something defined outside Keras, which could run code of its own.
pub(super) fn custom(what: &str) -> Fault {
    Fault::model(
        "model.custom_object",
        format!(
            "{what} is defined outside Keras or carries code; \
             models with Lambda layers or custom objects are refused, use built-in layers"
        ),
    )
}

/// The first 80 characters of a text, control characters escaped.
pub(super) fn short(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

/// A value as JSON, cut short; composite values by their kind only.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Object(map) => match map.get("class_name").and_then(Value::as_str) {
            Some(class) => format!("a {}", short(class)),
            None => "an object".to_owned(),
        },
        Value::Array(items) if items.len() > 8 => format!("a list of {}", items.len()),
        other => short(&other.to_string()),
    }
}
