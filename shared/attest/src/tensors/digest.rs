use std::fs::File;

use serde::{Deserialize, Serialize};

use super::{
    ReadError, Tensor, Weights, for_each_chunk,
    merkle::{self, Hash},
};
use crate::cores::on_all_cores;

/// What the digest of a whole begins with, so that it is no hash of anything else.
const WHOLE: &[u8] = b"assay tensors v1\n";

/// The digest of all tensors of a file: of names, types, shapes and bytes, so that none can be changed, renamed,
/// reshaped, swapped, added or left out.
///
/// Each tensor is a leaf of a hash tree in the order of the names. A leaf's content is, with each length as 8 bytes
/// little endian: length of the name, name, length of the type, type, count of dimensions, dimensions, BLAKE3 of the
/// bytes. The tree is that of RFC 9162 §2.1 over BLAKE3. The digest is BLAKE3 of `assay tensors v1\n`, the count of
/// tensors, and the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorDigest {
    leaves: Vec<TensorLeaf>,
}

/// One tensor of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorLeaf {
    /// The tensor's name.
    pub name: String,
    /// Its type, as safetensors names it.
    pub dtype: String,
    /// Its dimensions.
    pub shape: Vec<u64>,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub blake3: String,
}

/// Proves that one tensor is part of a digest, without the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorProof {
    /// The tensor.
    pub tensor: TensorLeaf,
    /// Its place among all, in the order of the names.
    pub index: u64,
    /// How many there are.
    pub count: u64,
    /// The hashes beside the way to the root, in hexadecimal, the lowest first.
    pub path: Vec<String>,
}

impl TensorLeaf {
    /// Reads the tensor and hashes it.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn measure(file: &File, name: &str, tensor: &Tensor) -> Result<Self, ReadError> {
        let mut state = blake3::Hasher::new();
        for_each_chunk(file, tensor, &mut |bytes| {
            state.update(bytes);
        })?;
        Ok(Self {
            name: name.to_owned(),
            dtype: tensor.dtype.name().to_owned(),
            shape: tensor.shape.clone(),
            blake3: state.finalize().to_hex().to_string(),
        })
    }

    fn hash(&self) -> Hash {
        let mut content = Vec::new();
        for text in [&self.name, &self.dtype] {
            content.extend_from_slice(&(text.len() as u64).to_le_bytes());
            content.extend_from_slice(text.as_bytes());
        }
        content.extend_from_slice(&(self.shape.len() as u64).to_le_bytes());
        for size in &self.shape {
            content.extend_from_slice(&size.to_le_bytes());
        }
        // A text that is no digest stands for itself: it can only lead to a digest that nobody signed.
        let bytes = hex::decode(&self.blake3).unwrap_or_else(|_| self.blake3.clone().into_bytes());
        content.extend_from_slice(&bytes);
        merkle::leaf(&content)
    }
}

impl TensorDigest {
    /// The tensors, in the order of their names.
    pub fn leaves(&self) -> &[TensorLeaf] {
        &self.leaves
    }

    /// The digest, in hexadecimal.
    pub fn hex(&self) -> String {
        let hashes: Vec<Hash> = self.leaves.iter().map(TensorLeaf::hash).collect();
        whole(self.leaves.len() as u64, &merkle::root(&hashes))
    }

    /// The proof for the tensor of this name.
    pub fn prove(&self, name: &str) -> Option<TensorProof> {
        let index = self.leaves.iter().position(|leaf| leaf.name == name)?;
        let hashes: Vec<Hash> = self.leaves.iter().map(TensorLeaf::hash).collect();
        Some(TensorProof {
            tensor: self.leaves.get(index)?.clone(),
            index: index as u64,
            count: self.leaves.len() as u64,
            path: merkle::path(&hashes, index)
                .iter()
                .map(hex::encode)
                .collect(),
        })
    }
}

impl TensorProof {
    /// The digest that this leads to; `None` if it leads to none.
    pub fn digest(&self) -> Option<String> {
        let mut path = Vec::with_capacity(self.path.len().min(64));
        for text in &self.path {
            let mut hash = Hash::default();
            hex::decode_to_slice(text, &mut hash).ok()?;
            path.push(hash);
        }
        let root = merkle::climb(self.tensor.hash(), self.index, self.count, &path)?;
        Some(whole(self.count, &root))
    }
}

fn whole(count: u64, root: &Hash) -> String {
    let mut state = blake3::Hasher::new();
    state
        .update(WHOLE)
        .update(&count.to_le_bytes())
        .update(root);
    state.finalize().to_hex().to_string()
}

/// Reads all tensors, on all cores, and makes their digest.
///
/// # Errors
/// [`ReadError`].
pub fn digest(file: &File, weights: &Weights) -> Result<TensorDigest, ReadError> {
    let tensors: Vec<(&String, &Tensor)> = weights.tensors.iter().collect();
    let leaves = on_all_cores(
        &tensors,
        |(_, tensor)| tensor.bytes,
        |(name, tensor)| TensorLeaf::measure(file, name, tensor),
    );
    let mut leaves = leaves.into_iter().collect::<Result<Vec<_>, _>>()?;
    leaves.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(TensorDigest { leaves })
}
