//! Reading the settings of one Keras object so that none is silently ignored.

use std::collections::BTreeSet;

use assay_protocol::Fault;
use serde_json::{Map, Value};

use super::fault;

/// The `config` object of a layer, optimizer, loss or metric, and which of its keys were honoured.
pub(super) struct Settings<'a> {
    /// What it belongs to, for messages: `layer "dense" (Dense)`.
    pub(super) owner: String,
    map: &'a Map<String, Value>,
    seen: BTreeSet<&'static str>,
}

impl<'a> Settings<'a> {
    pub(super) fn new(owner: String, map: &'a Map<String, Value>) -> Self {
        Self {
            owner,
            map,
            seen: BTreeSet::new(),
        }
    }

    /// The value of `key`; an absent key and null are the same, as both mean the default.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.seen.insert(key);
        self.map.get(key).filter(|v| !v.is_null())
    }

    /// Marks keys that need no honouring (random seeds of the authoring side, initial values that the weights file replaces).
    pub(super) fn skip(&mut self, keys: &[&'static str]) {
        self.seen.extend(keys);
    }

    pub(super) fn bool(&mut self, key: &'static str, default: bool) -> Result<bool, Fault> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.wrong(key, other, "true or false")),
        }
    }

    pub(super) fn number(&mut self, key: &'static str, default: f32) -> Result<f32, Fault> {
        Ok(self.optional_number(key)?.unwrap_or(default))
    }

    pub(super) fn optional_number(&mut self, key: &'static str) -> Result<Option<f32>, Fault> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Keras computes in float32 as well; overflow becomes infinite and is refused"
        )]
        let number = value.as_f64().map(|n| n as f32).filter(|n| n.is_finite());
        number
            .map(Some)
            .ok_or_else(|| self.wrong(key, value, "a finite 32-bit number"))
    }

    /// A number for which `ok` holds; `rule` says it in words.
    pub(super) fn number_where(
        &mut self,
        key: &'static str,
        default: f32,
        rule: &str,
        ok: impl Fn(f32) -> bool,
    ) -> Result<f32, Fault> {
        let number = self.number(key, default)?;
        if ok(number) {
            return Ok(number);
        }
        Err(fault::malformed(format!(
            "{}: {key} is {number} but must be {rule}",
            self.owner
        )))
    }

    /// A whole number of at least 1.
    pub(super) fn size(&mut self, key: &'static str) -> Result<usize, Fault> {
        let value = self.get(key).unwrap_or(&Value::Null);
        size_of(value).ok_or_else(|| self.wrong(key, value, "a whole number of at least 1"))
    }

    /// Two whole numbers of at least 1, or one for both.
    pub(super) fn pair(
        &mut self,
        key: &'static str,
        default: Option<[usize; 2]>,
    ) -> Result<[usize; 2], Fault> {
        let Some(value) = self.get(key) else {
            return default.ok_or_else(|| self.wrong(key, &Value::Null, "two whole numbers"));
        };
        let pair = match value {
            Value::Array(two) if two.len() == 2 => two
                .first()
                .and_then(size_of)
                .zip(two.get(1).and_then(size_of)),
            one => size_of(one).map(|n| (n, n)),
        };
        pair.map(|(a, b)| [a, b])
            .ok_or_else(|| self.wrong(key, value, "two whole numbers of at least 1"))
    }

    /// A string, one of `accepted`.
    pub(super) fn choice(
        &mut self,
        key: &'static str,
        default: &'a str,
        accepted: &[&str],
    ) -> Result<&'a str, Fault> {
        let text = match self.get(key) {
            None => default,
            Some(Value::String(s)) => s,
            Some(other) => return Err(self.wrong(key, other, "a string")),
        };
        if accepted.contains(&text) {
            return Ok(text);
        }
        Err(self.unsupported(
            key,
            &format!("{text:?}"),
            &format!("use {}", accepted.join(" or ")),
        ))
    }

    /// Refuses a setting that is not honoured: it must be absent, null, or one of `accepted`.
    pub(super) fn only(&mut self, key: &'static str, accepted: &[Value]) -> Result<(), Fault> {
        match self.get(key) {
            None => Ok(()),
            Some(value) if accepted.contains(value) => Ok(()),
            Some(value) => {
                let rule = match accepted.first() {
                    Some(default) => format!("leave it at {default}"),
                    None => "leave it out".to_owned(),
                };
                Err(self.unsupported(key, &fault::shown(value), &rule))
            }
        }
    }

    /// Refuses every setting that nothing asked for, unless it is null or false.
    pub(super) fn finish(self) -> Result<(), Fault> {
        let unknown = self.map.iter().find(|(k, v)| {
            !self.seen.contains(k.as_str()) && !v.is_null() && **v != Value::Bool(false)
        });
        match unknown {
            None => Ok(()),
            Some((key, value)) => {
                Err(self.unsupported(&fault::short(key), &fault::shown(value), "leave it out"))
            }
        }
    }

    pub(super) fn wrong(&self, key: &str, value: &Value, right: &str) -> Fault {
        fault::malformed(format!(
            "{}: {key} is {} but must be {right}",
            self.owner,
            fault::shown(value)
        ))
    }

    pub(super) fn unsupported(&self, key: &str, value: &str, right: &str) -> Fault {
        Fault::model(
            fault::SETTING,
            format!("{}: {key} = {value} is not supported; {right}", self.owner),
        )
    }
}

/// A whole number of at least 1; Python may have written it as `3.0`.
fn size_of(value: &Value) -> Option<usize> {
    let n = value.as_u64().or_else(|| {
        let f = value.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked just before"
        )]
        (f.fract() == 0.0 && (1.0..1e15).contains(&f)).then_some(f as u64)
    })?;
    usize::try_from(n).ok().filter(|n| *n >= 1)
}
