use std::{cell::Cell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::jcs;

/// What a document may cost, checked before it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the document.
    pub max_bytes: usize,
    /// Arrays and objects inside one another. Never more than 100 is allowed, whatever stands here.
    pub max_depth: usize,
    /// Values in the document: every scalar, array and object counts one.
    pub max_values: usize,
}

impl Limits {
    /// For links, layouts, trust files and job parameters.
    pub const METADATA: Self = Self {
        max_bytes: 4 << 20,
        max_depth: 24,
        max_values: 200_000,
    };
    /// For AIBoMs.
    pub const BOM: Self = Self {
        max_bytes: 16 << 20,
        max_depth: 32,
        max_values: 500_000,
    };
}

/// Hard limit on nesting: below the JSON library's own, and small enough that walking a value cannot exhaust the stack.
const DEEPEST: usize = 100;

/// Objects with such a key are how `serde_json` passes raw text and long numbers to itself. It would read the text in
/// them as JSON when the value is read into a struct, past every limit here, and signed bytes would say two things.
const RESERVED: &str = "$serde_json::private::";

/// Why bytes were not read as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The document is too long to be looked at.
    #[error("{bytes} bytes of JSON; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not JSON, a duplicate key, too deep, or too many values; the text says which and where.
    #[error("not acceptable JSON: {0}")]
    Malformed(String),
    /// JSON, but not written as RFC 8785 has it.
    #[error(
        "not in canonical form (RFC 8785): the bytes differ from the canonical ones at offset {offset}"
    )]
    NotCanonical {
        /// The first byte that differs.
        offset: usize,
    },
}

/// Reads one JSON document, and nothing after it. Duplicate keys are refused, because readers disagree on which wins.
///
/// # Errors
/// [`JsonError::TooLarge`] and [`JsonError::Malformed`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    if bytes.len() > limits.max_bytes {
        return Err(JsonError::TooLarge {
            bytes: bytes.len(),
            limit: limits.max_bytes,
        });
    }
    let budget = Cell::new(limits.max_values);
    let seed = Node {
        depth: limits.max_depth.min(DEEPEST),
        budget: &budget,
    };
    let malformed = |error: serde_json::Error| JsonError::Malformed(error.to_string());
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut deserializer).map_err(malformed)?;
    deserializer.end().map_err(malformed)?;
    Ok(value)
}

/// Like [`parse`], and refuses bytes that are not the canonical ones (RFC 8785) of their value.
///
/// So a document has
/// exactly one encoding and a changed byte cannot hide in white space, escapes or the spelling of a number.
///
/// # Errors
/// All of [`JsonError`].
pub fn parse_canonical(bytes: &[u8], limits: &Limits) -> Result<Value, JsonError> {
    let value = parse(bytes, limits)?;
    let canonical = jcs(&value);
    if canonical == bytes {
        return Ok(value);
    }
    let same = canonical
        .iter()
        .zip(bytes)
        .take_while(|(a, b)| a == b)
        .count();
    Err(JsonError::NotCanonical { offset: same })
}

/// One value still to be read, `depth` levels above the deepest allowed.
#[derive(Clone, Copy)]
struct Node<'a> {
    depth: usize,
    budget: &'a Cell<usize>,
}

impl Node<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self
            .budget
            .get()
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom("too many values"))?;
        self.budget.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                let start: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format!("duplicate key {start:?}")));
            }
            if key.starts_with(RESERVED) {
                return Err(A::Error::custom("a key that the JSON library reserves"));
            }
            let value = entries.next_value_seed(inside)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Value, JsonError> {
        parse(text.as_bytes(), &Limits::METADATA)
    }

    #[test]
    fn duplicate_keys_are_refused_at_any_depth_and_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"[{"x":{"b":1,"\u0062":2}}]"#] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("duplicate key"), "{error}");
        }
        assert!(read(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn depth_size_count_and_trailing_bytes_are_limited() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read(&deep(24)).is_ok());
        assert!(read(&deep(25)).is_err());
        assert!(read(&"[".repeat(1_000_000)).is_err());
        let unlimited = Limits {
            max_bytes: usize::MAX,
            max_depth: usize::MAX,
            max_values: usize::MAX,
        };
        assert!(parse(deep(101).as_bytes(), &unlimited).is_err());
        let few = Limits {
            max_bytes: 20,
            max_depth: 3,
            max_values: 3,
        };
        assert!(parse(b"[1,2]", &few).is_ok());
        assert!(parse(b"[1,2,3]", &few).is_err());
        assert_eq!(
            parse(&[b' '; 21], &few),
            Err(JsonError::TooLarge {
                bytes: 21,
                limit: 20
            })
        );
        assert!(read("{} {}").is_err());
        assert!(read("1e999").is_err());
        assert!(read(r#""\ud800""#).is_err());
    }

    #[test]
    fn only_canonical_bytes_pass() {
        let good = br#"{"a":[1,0.5,"\n"],"b":null}"#;
        assert!(parse_canonical(good, &Limits::METADATA).is_ok());
        for bad in [
            &br#"{"a":[1,0.5,"\n"],"b":null} "#[..],
            br#"{"b":null,"a":[1,0.5,"\n"]}"#,
            br#"{"a":[1,0.50,"\n"],"b":null}"#,
            br#"{"a":[1.0,0.5,"\n"],"b":null}"#,
            br#"{"a":[1,0.5,"\u000a"],"b":null}"#,
            b"-0",
            b"9007199254740993",
        ] {
            let result = parse_canonical(bad, &Limits::METADATA);
            assert!(
                matches!(result, Err(JsonError::NotCanonical { .. })),
                "{result:?}"
            );
        }
    }

    #[test]
    fn keys_that_the_json_library_would_interpret_are_refused() {
        for text in [
            r#"{"$serde_json::private::RawValue":"{\"a\":1,\"a\":2}"}"#,
            r#"[{"\u0024serde_json::private::Number":"1"}]"#,
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("reserves"), "{error}");
        }
        assert!(read(r#"{"$serde_json":"private"}"#).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_canonical(&bytes, &Limits::METADATA);
        }

        #[test]
        fn almost_json_never_panics(text in r#"[\[\]{}:,"\\0-9eE.+\-a-f nulltrue]{0,80}"#) {
            if let Ok(value) = parse(text.as_bytes(), &Limits::METADATA) {
                let canonical = jcs(&value);
                prop_assert_eq!(parse_canonical(&canonical, &Limits::METADATA).map(|v| jcs(&v)), Ok(canonical));
            }
        }
    }
}
