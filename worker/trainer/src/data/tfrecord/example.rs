//! `tf.train.Example` in the protobuf wire format: a map from names to lists of floats, integers or bytes.
//!
//! The message has a fixed depth, so the reader has no recursion; every list is at most as long as the
//! record's bytes allow. Errors are the end of a sentence that begins with the record's number.

use std::collections::BTreeMap;

use crate::data::definition::{Dtype, Feature};

/// A record's features.
#[derive(Debug)]
pub(super) struct Example<'a> {
    features: BTreeMap<&'a str, List<'a>>,
}

/// The values of one feature.
#[derive(Debug, PartialEq)]
pub(super) enum List<'a> {
    Bytes(Vec<&'a [u8]>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

type Parsed<T> = Result<T, String>;

/// Most features of a record.
const MAX_FEATURES: usize = 100_000;

impl<'a> Example<'a> {
    /// The values of a feature; of several of one name the last counts, as protobuf has it.
    pub(super) fn get(&self, name: &str) -> Option<&List<'a>> {
        self.features.get(name)
    }

    /// Every name, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.features.keys().copied()
    }
}

/// Reads one record.
pub(super) fn parse(record: &[u8]) -> Parsed<Example<'_>> {
    let mut features = BTreeMap::new();
    let mut example = Wire(record);
    while let Some((field, value)) = example.next()? {
        if field != 1 {
            continue;
        }
        let mut map = Wire(value.bytes()?);
        while let Some((field, value)) = map.next()? {
            if field != 1 {
                continue;
            }
            if features.len() == MAX_FEATURES {
                return Err(format!("there are more than {MAX_FEATURES} features"));
            }
            let (name, list) = entry(value.bytes()?)?;
            features.insert(name, list);
        }
    }
    Ok(Example { features })
}

fn entry(bytes: &[u8]) -> Parsed<(&str, List<'_>)> {
    let (mut name, mut list) = ("", List::Bytes(Vec::new()));
    let mut entry = Wire(bytes);
    while let Some((field, value)) = entry.next()? {
        match field {
            1 => {
                name = std::str::from_utf8(value.bytes()?)
                    .map_err(|_| "a feature's name is not UTF-8".to_owned())?;
            }
            2 => {
                let mut feature = Wire(value.bytes()?);
                while let Some((kind, value)) = feature.next()? {
                    list = match kind {
                        1 => bytes_list(value.bytes()?)?,
                        2 => float_list(value.bytes()?)?,
                        3 => int_list(value.bytes()?)?,
                        _ => continue,
                    };
                }
            }
            _ => {}
        }
    }
    Ok((name, list))
}

fn bytes_list(bytes: &[u8]) -> Parsed<List<'_>> {
    let mut values = Vec::new();
    let mut wire = Wire(bytes);
    while let Some((field, value)) = wire.next()? {
        if field == 1 {
            values.push(value.bytes()?);
        }
    }
    Ok(List::Bytes(values))
}

fn float_list(bytes: &[u8]) -> Parsed<List<'_>> {
    let mut values = Vec::new();
    let mut wire = Wire(bytes);
    while let Some((field, value)) = wire.next()? {
        match value {
            _ if field != 1 => {}
            Value::Fixed32(bits) => values.push(f32::from_le_bytes(bits)),
            Value::Bytes(packed) => {
                let (floats, rest) = packed.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err("a list of floats is cut off".to_owned());
                }
                values.extend(floats.iter().map(|bits| f32::from_le_bytes(*bits)));
            }
            _ => return Err("a float has the wrong wire type".to_owned()),
        }
    }
    Ok(List::Floats(values))
}

fn int_list(bytes: &[u8]) -> Parsed<List<'_>> {
    let mut values = Vec::new();
    let mut wire = Wire(bytes);
    while let Some((field, value)) = wire.next()? {
        match value {
            _ if field != 1 => {}
            Value::Varint(bits) => values.push(bits.cast_signed()),
            Value::Bytes(packed) => {
                let mut packed = Wire(packed);
                while !packed.0.is_empty() {
                    values.push(packed.varint()?.cast_signed());
                }
            }
            _ => return Err("an integer has the wrong wire type".to_owned()),
        }
    }
    Ok(List::Ints(values))
}

/// A cursor over protobuf fields.
struct Wire<'a>(&'a [u8]);

enum Value<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    fn bytes(self) -> Parsed<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err("it is no tf.train.Example (a field has the wrong wire type)".to_owned()),
        }
    }
}

impl<'a> Wire<'a> {
    fn next(&mut self) -> Parsed<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| cut_off())?)?)
            }
            5 => match *self.take(4)? {
                [a, b, c, d] => Value::Fixed32([a, b, c, d]),
                _ => return Err(cut_off()),
            },
            other => return Err(format!("it is no tf.train.Example (wire type {other})")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0u64;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or_else(cut_off)?;
            self.0 = rest;
            // The tenth byte holds one bit; more would not fit and is no varint.
            if shift == 63 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("it is no tf.train.Example (a number is too long)".to_owned())
    }

    fn take(&mut self, length: usize) -> Parsed<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length).ok_or_else(cut_off)?;
        self.0 = rest;
        Ok(head)
    }
}

fn cut_off() -> String {
    "it is no tf.train.Example (it is cut off)".to_owned()
}

impl List<'_> {
    /// Values in the list.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Ints(values) => values.len(),
        }
    }

    /// What it holds, for people.
    pub(super) fn describe(&self) -> String {
        let kind = match self {
            Self::Bytes(_) => "byte strings",
            Self::Floats(_) => "floats",
            Self::Ints(_) => "integers",
        };
        format!("{} {kind}", self.len())
    }

    /// Appends the feature's numbers; byte strings are raw little-endian numbers of the feature's type.
    pub(super) fn append(&self, feature: &Feature, out: &mut Vec<f32>) -> Result<(), String> {
        let size = feature.size();
        let dtype = feature.dtype;
        let wrong = || {
            let (shape, is) = (&feature.shape, self.describe());
            Err(format!(
                "holds {is}, but the definition says {} of shape {shape:?}, which is {size} number(s)",
                dtype.name()
            ))
        };
        match self {
            Self::Floats(values) if !dtype.is_integer() && values.len() == size => {
                out.extend_from_slice(values);
            }
            Self::Ints(values) if dtype.is_integer() && values.len() == size => {
                out.extend(values.iter().map(|value| *value as f32));
            }
            Self::Bytes(values) => match values.as_slice() {
                [raw] if raw.len() == size * width(dtype) => decode(raw, dtype, out),
                [raw] => {
                    return Err(format!(
                        "holds a byte string of {} bytes, but {size} number(s) of {} are {} bytes; compressed images are not decoded",
                        raw.len(),
                        dtype.name(),
                        size * width(dtype)
                    ));
                }
                _ => return wrong(),
            },
            _ => return wrong(),
        }
        Ok(())
    }
}

fn width(dtype: Dtype) -> usize {
    match dtype {
        Dtype::UInt8 | Dtype::Int8 => 1,
        Dtype::UInt16 | Dtype::Int16 => 2,
        Dtype::Int32 | Dtype::Float32 => 4,
        Dtype::Int64 | Dtype::Float64 => 8,
    }
}

fn decode(raw: &[u8], dtype: Dtype, out: &mut Vec<f32>) {
    fn each<const N: usize>(raw: &[u8], out: &mut Vec<f32>, number: impl Fn([u8; N]) -> f32) {
        out.extend(raw.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
    }
    match dtype {
        Dtype::UInt8 => each(raw, out, |[byte]| f32::from(byte)),
        Dtype::Int8 => each(raw, out, |[byte]| f32::from(byte.cast_signed())),
        Dtype::UInt16 => each(raw, out, |bytes| f32::from(u16::from_le_bytes(bytes))),
        Dtype::Int16 => each(raw, out, |bytes| f32::from(i16::from_le_bytes(bytes))),
        Dtype::Int32 => each(raw, out, |bytes| i32::from_le_bytes(bytes) as f32),
        Dtype::Int64 => each(raw, out, |bytes| i64::from_le_bytes(bytes) as f32),
        Dtype::Float32 => each(raw, out, f32::from_le_bytes),
        Dtype::Float64 => each(raw, out, |bytes| f64::from_le_bytes(bytes) as f32),
    }
}
