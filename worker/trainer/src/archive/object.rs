//! Keras' serialized objects: `{"module", "class_name", "config", "registered_name"}`.

use assay_protocol::Fault;
use serde_json::{Map, Value};

use super::fault;

/// Classes of Keras' own modules that nevertheless carry or call foreign code.
const CODE_CLASSES: [&str; 4] = ["Lambda", "TFOpLambda", "SlicingOpLambda", "__lambda__"];

/// A serialized object that is one of Keras' own.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    /// Its Python module, empty when the archive does not say.
    pub(super) module: &'a str,
    /// Its class.
    pub(super) class: &'a str,
    /// Its `config`; null when there is none.
    pub(super) config: &'a Value,
}

impl<'a> Object<'a> {
    /// Reads an object, refusing custom ones by name. `what` names it in messages.
    pub(super) fn read(value: &'a Value, what: &str) -> Result<Self, Fault> {
        let map = value
            .as_object()
            .ok_or_else(|| fault::malformed(format!("{what} is not an object")))?;
        let text = |key: &str| match map.get(key) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(s)) => Ok(s.as_str()),
            Some(_) => Err(fault::malformed(format!("{what}: {key} is not a string"))),
        };
        let (module, class) = (text("module")?, text("class_name")?);
        let registered = text("registered_name")?;
        if class.is_empty() {
            return Err(fault::malformed(format!("{what} has no class_name")));
        }
        let keras = module.is_empty()
            || module == "builtins" && class == "function"
            || module == "keras"
            || module.starts_with("keras.");
        if !keras || registered.contains('>') || CODE_CLASSES.contains(&class) {
            let name = if registered.contains('>') {
                registered
            } else {
                class
            };
            return Err(fault::custom(&format!("{what} ({})", fault::short(name))));
        }
        Ok(Self {
            module,
            class,
            config: map.get("config").unwrap_or(&Value::Null),
        })
    }

    /// The `config` as an object; absent counts as empty.
    pub(super) fn settings(self, what: &str) -> Result<&'a Map<String, Value>, Fault> {
        static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
        match self.config {
            Value::Null => Ok(&EMPTY),
            Value::Object(map) => Ok(map),
            _ => Err(fault::malformed(format!("{what}: config is not an object"))),
        }
    }
}

/// The name of a Keras function or class given as a string or as a serialized function; `None` for an object with settings.
pub(super) fn function_name<'a>(value: &'a Value, what: &str) -> Result<Option<&'a str>, Fault> {
    match value {
        Value::String(name) => {
            if name.contains('>') {
                return Err(fault::custom(&format!("{what} ({})", fault::short(name))));
            }
            Ok(Some(name))
        }
        Value::Object(_) => {
            let object = Object::read(value, what)?;
            match (object.class, object.config) {
                ("function", Value::String(name)) => Ok(Some(name)),
                ("function", _) => Err(fault::custom(what)),
                _ => Ok(None),
            }
        }
        _ => Err(fault::malformed(format!(
            "{what} is neither a name nor an object"
        ))),
    }
}
