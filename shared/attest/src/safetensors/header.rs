mod raw;

use std::{collections::BTreeMap, fs::File, os::unix::fs::FileExt as _};

use raw::{Info, METADATA, Raw};

use super::SafetensorsError;
use crate::tensors::{Tensor, Weights};

/// Bytes of a header at most, as in the format's own readers.
pub const MAX_HEADER_BYTES: u64 = 100_000_000;
/// Dimensions of a tensor at most.
const MAX_RANK: usize = 64;
/// The header of a file, checked against the file's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The tensors; their offsets count from the beginning of the file.
    pub weights: Weights,
    /// The metadata, which nothing protects unless a signature covers it.
    pub metadata: BTreeMap<String, String>,
    /// Bytes of the JSON with its padding: the tensors begin 8 bytes later.
    pub length: u64,
    /// Bytes of the whole file.
    pub file_bytes: u64,
}

impl Header {
    /// Reads the header of an open file; no tensor is read.
    ///
    /// # Errors
    /// [`SafetensorsError::Header`], [`SafetensorsError::Io`].
    pub fn read(file: &File) -> Result<Self, SafetensorsError> {
        let file_bytes = file.metadata()?.len();
        let wrong = |why: &str| Err(SafetensorsError::Header(why.to_owned()));
        if file_bytes < 8 {
            return wrong("it is shorter than 8 bytes");
        }
        let mut length = [0; 8];
        file.read_exact_at(&mut length, 0)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER_BYTES {
            return wrong("its header is longer than 100 MB");
        }
        if length > file_bytes - 8 {
            return wrong("its header is longer than the file");
        }
        let mut json = vec![0; usize::try_from(length).unwrap_or_default()];
        file.read_exact_at(&mut json, 8)?;
        Self::parse(&json, file_bytes)
    }

    /// Reads a header's JSON, in a file of `file_bytes` bytes.
    ///
    /// Refused beside what the format's own readers refuse: names or keys that are there twice.
    ///
    /// # Errors
    /// [`SafetensorsError::Header`].
    pub fn parse(json: &[u8], file_bytes: u64) -> Result<Self, SafetensorsError> {
        let wrong = SafetensorsError::Header;
        if json.first() != Some(&b'{') {
            return Err(wrong("its header does not begin with {".to_owned()));
        }
        let length = json.len() as u64;
        let Raw { metadata, tensors } =
            serde_json::from_slice(json).map_err(|error| wrong(error.to_string()))?;
        let mut order: Vec<(&String, &Info)> = tensors.iter().collect();
        order.sort_by_key(|(_, info)| info.data_offsets);
        let (start, mut end) = (length + 8, 0);
        for (name, info) in order {
            let (from, to) = info.data_offsets;
            let named = || name.chars().take(80).collect::<String>();
            if from != end || to < from {
                return Err(wrong(format!(
                    "{:?} does not begin where the tensor before it ends",
                    named()
                )));
            }
            if info.shape.len() > MAX_RANK || info.dtype.0.bytes_of(&info.shape) != Some(to - from)
            {
                return Err(wrong(format!(
                    "{:?} has another size than its type and shape say",
                    named()
                )));
            }
            end = to;
        }
        if end.checked_add(start) != Some(file_bytes) {
            return Err(wrong(
                "its tensors do not end where the file ends".to_owned(),
            ));
        }
        let tensors = tensors.into_iter();
        let tensors = tensors
            .map(|(name, info)| (name, info.tensor(start)))
            .collect();
        Ok(Self {
            weights: Weights { tensors },
            metadata,
            length,
            file_bytes,
        })
    }

    /// The header as JSON, without padding: metadata first, tensors in the order in which they lie.
    pub fn to_json(&self) -> Vec<u8> {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut members = Vec::with_capacity(self.weights.tensors.len() + 1);
        if !self.metadata.is_empty() {
            let pairs: Vec<String> = self
                .metadata
                .iter()
                .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)))
                .collect();
            members.push(format!("{}:{{{}}}", quoted(METADATA), pairs.join(",")));
        }
        let mut order: Vec<(&String, &Tensor)> = self.weights.tensors.iter().collect();
        order.sort_by_key(|(_, tensor)| (tensor.offset, tensor.bytes));
        let start = self.length + 8;
        for (name, tensor) in order {
            let from = tensor.offset - start;
            members.push(format!(
                "{}:{{\"dtype\":\"{}\",\"shape\":{},\"data_offsets\":[{from},{}]}}",
                quoted(name),
                tensor.dtype,
                serde_json::json!(tensor.shape),
                from + tensor.bytes,
            ));
        }
        format!("{{{}}}", members.join(",")).into_bytes()
    }
}
