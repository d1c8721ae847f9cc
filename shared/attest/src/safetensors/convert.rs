use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
};

use super::{Header, SafetensorsError, beside::Unfinished};
use crate::tensors::{Tensor, Weights, for_each_chunk};

/// Bytes that the tensors' beginning is a multiple of.
const ALIGNMENT: u64 = 8;

/// Writes weights from any file as a new safetensors file, as `safetensors` orders them: wide types first, then by
/// name. No file is replaced.
///
/// # Errors
/// [`SafetensorsError`].
pub fn convert(
    from: &File,
    weights: &Weights,
    metadata: BTreeMap<String, String>,
    to: &Path,
) -> Result<(), SafetensorsError> {
    let mut order: Vec<(&String, &Tensor)> = weights.tensors.iter().collect();
    order.sort_by(|(a, x), (b, y)| y.dtype.bits().cmp(&x.dtype.bits()).then_with(|| a.cmp(b)));
    let mut header = Header {
        weights: Weights::default(),
        metadata,
        length: 0,
        file_bytes: 0,
    };
    let mut offset = 8;
    for (name, tensor) in &order {
        let placed = Tensor {
            offset,
            strides: None,
            ..(*tensor).clone()
        };
        offset += tensor.bytes;
        header.weights.tensors.insert((*name).clone(), placed);
    }
    let mut json = header.to_json();
    let length = (json.len() as u64).next_multiple_of(ALIGNMENT);
    json.resize(usize::try_from(length).unwrap_or_default(), b' ');
    // What the format's readers would refuse is not written.
    Header::parse(&json, offset + length)?;
    if to.symlink_metadata().is_ok() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    // Under its name only when it is whole.
    let unfinished = Unfinished::create(to, 0o666)?;
    write(from, &order, &json, &unfinished.file)?;
    unfinished.link_new()?;
    Ok(())
}

fn write(
    from: &File,
    order: &[(&String, &Tensor)],
    json: &[u8],
    new: &File,
) -> Result<(), SafetensorsError> {
    let mut out = BufWriter::with_capacity(1 << 20, new);
    out.write_all(&(json.len() as u64).to_le_bytes())?;
    out.write_all(json)?;
    for (_, tensor) in order {
        let mut result = Ok(());
        for_each_chunk(from, tensor, &mut |bytes| {
            if result.is_ok() {
                result = out.write_all(bytes);
            }
        })?;
        result?;
    }
    out.flush()?;
    Ok(())
}
