use std::fs::File;

use super::{ReadError, Weights, for_each_chunk};

/// Bytes of the result.
const BYTES: usize = 20;

/// What safemodels 0.2.0 calls `safe_hash`: BLAKE2b of 20 bytes over the bytes of all tensors, in the order of their
/// names, as 40 hexadecimal digits.
///
/// It tells equal weights in other files, and nothing more: names, shapes, types, and where one tensor ends and the
/// next begins are not part of it. Unlike safemodels it knows empty tensors, BF16 and FP8.
///
/// # Errors
/// [`ReadError`].
pub fn fingerprint(file: &File, weights: &Weights) -> Result<String, ReadError> {
    let mut state = blake2b_simd::Params::new().hash_length(BYTES).to_state();
    for tensor in weights.tensors.values() {
        for_each_chunk(file, tensor, &mut |bytes| {
            state.update(bytes);
        })?;
    }
    Ok(state.finalize().to_hex().to_string())
}
