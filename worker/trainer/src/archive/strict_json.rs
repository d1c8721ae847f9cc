//! JSON from strangers: no duplicate keys, bounded size, depth and number of values.
//!
//! Two readers of a document with duplicate keys may see different models, so such a document is refused
//! (RFC 8259 §4 leaves the choice open). The depth is bounded by `serde_json` (128 levels).

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Values in one document at most: a thousand times what a large model's `config.json` holds in one layer.
const MAX_VALUES: u32 = 1_000_000;

/// Parses `bytes` as one JSON document of at most `max_bytes`; the error is a sentence.
pub(super) fn parse(bytes: &[u8], max_bytes: u64) -> Result<Value, String> {
    if bytes.len() as u64 > max_bytes {
        return Err(format!("it is longer than {max_bytes} bytes"));
    }
    let left = Cell::new(MAX_VALUES);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { left: &left }
        .deserialize(&mut deserializer)
        .map_err(|e| e.to_string())?;
    deserializer.end().map_err(|e| e.to_string())?;
    Ok(value)
}

/// Builds a [`Value`], counting down the values that may still come.
#[derive(Clone, Copy)]
struct Strict<'c> {
    left: &'c Cell<u32>,
}

impl Strict<'_> {
    fn count<E: Error>(self) -> Result<(), E> {
        let left = self
            .left
            .get()
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("more than {MAX_VALUES} values")))?;
        self.left.set(left);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                let short: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format_args!(
                    "the key {short:?} stands twice"
                )));
            }
            let value = map.next_value_seed(self)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        assert!(
            parse(br#"{"a":1,"b":[{"c":1,"c":2}]}"#, 100)
                .unwrap_err()
                .contains("twice")
        );
        assert_eq!(
            parse(br#"{"a":[1,2.5,null]}"#, 100).unwrap(),
            serde_json::json!({"a":[1,2.5,null]})
        );
    }

    #[test]
    fn depth_size_and_trailing_bytes_are_bounded() {
        let deep = "[".repeat(4000);
        assert!(parse(deep.as_bytes(), 10_000).is_err());
        assert!(parse(b"[1]", 2).is_err());
        assert!(parse(b"[1] x", 100).is_err());
        assert!(parse(b"NaN", 100).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES as usize));
        assert!(parse(many.as_bytes(), 1 << 30).is_err());
    }
}
