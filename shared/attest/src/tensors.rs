//! Weights, wherever they lie: names, types, shapes, and where in a file each tensor's numbers are.
//!
//! [`crate::safetensors`] and [`crate::pickle`] find out where; here the numbers are read, in C order and little
//! endian, and hashed: [`fingerprint`] as safemodels does it, [`digest()`] so that nothing can be swapped.

mod digest;
mod dtype;
mod fingerprint;
mod gather;
mod merkle;
mod open;
mod read;

use std::collections::BTreeMap;

pub use digest::{TensorDigest, TensorLeaf, TensorProof, digest};
pub use dtype::Dtype;
pub use fingerprint::fingerprint;
pub use open::{OpenError, open};
pub use read::{ReadError, for_each_chunk};

/// The tensors of a file, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Weights {
    /// The tensors, in the order of their names' code points.
    pub tensors: BTreeMap<String, Tensor>,
}

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Its type.
    pub dtype: Dtype,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// Where its first number lies in the file, in bytes.
    pub offset: u64,
    /// Bytes of all its numbers.
    pub bytes: u64,
    /// Distances between neighbours along each dimension, in numbers, where these do not lie in C order.
    pub strides: Option<Vec<u64>>,
}

impl Weights {
    /// Bytes of all tensors together.
    pub fn bytes(&self) -> u64 {
        self.tensors
            .values()
            .map(|tensor| tensor.bytes)
            .fold(0, u64::saturating_add)
    }
}
