use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};

use crate::tensors::{Dtype, Tensor};

/// The header's key for what is no tensor.
pub(super) const METADATA: &str = "__metadata__";

/// The header as it stands, before anything in it is compared with anything.
pub(super) struct Raw {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tensors: BTreeMap<String, Info>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Info {
    pub(super) dtype: Known,
    pub(super) shape: Vec<u64>,
    pub(super) data_offsets: (u64, u64),
}

impl Info {
    /// The tensor in a file whose tensors begin at `start`.
    pub(super) fn tensor(self, start: u64) -> Tensor {
        let (from, to) = self.data_offsets;
        Tensor {
            dtype: self.dtype.0,
            shape: self.shape,
            offset: start + from,
            bytes: to - from,
            strides: None,
        }
    }
}

pub(super) struct Known(pub(super) Dtype);

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let start: String = name.chars().take(40).collect();
        Dtype::from_name(&name)
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("the type {start:?} is not known")))
    }
}

/// A map of texts in which no key is there twice.
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Texts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((key, value)) = map.next_entry()? {
                    if all.insert(key, value).is_some() {
                        return Err(A::Error::custom("a key of the metadata is there twice"));
                    }
                }
                Ok(Texts(all))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Raw;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
                let (mut metadata, mut tensors) = (None, BTreeMap::new());
                while let Some(name) = map.next_key::<String>()? {
                    let twice = if name == METADATA {
                        metadata.replace(map.next_value::<Texts>()?.0).is_some()
                    } else {
                        tensors.insert(name, map.next_value::<Info>()?).is_some()
                    };
                    if twice {
                        return Err(A::Error::custom("a name is there twice"));
                    }
                }
                Ok(Raw {
                    metadata: metadata.unwrap_or_default(),
                    tensors,
                })
            }
        }
        deserializer.deserialize_map(Visit)
    }
}
