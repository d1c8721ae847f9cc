//! From the dictionary that a pickle leaves to tensors at places in the file.

use std::collections::BTreeMap;

use super::{
    PickleError,
    object::{Object, Objects, Ref, View},
};
use crate::tensors::{Tensor, Weights};

/// All tensors together may have so many times the bytes of the file: tied weights share storages, and a small file
/// must not keep a reader busy for ever.
const MAX_SHARING: u64 = 16;

/// Bytes of memory that the descriptions of all tensors may take, as the same one may stand under many names.
const MAX_BYTES: usize = 512 << 20;

/// Where a storage lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// The weights in the dictionary `top`, whose storages lie where `places` says.
pub(super) fn weights(
    objects: &Objects,
    top: Ref,
    places: &BTreeMap<String, Place>,
    file_bytes: u64,
) -> Result<Weights, PickleError> {
    let Object::Dict(members) = objects.get(top)? else {
        return Err(PickleError::Unsupported(
            "the file holds no dictionary of tensors; save the model's state_dict() alone"
                .to_owned(),
        ));
    };
    let (mut weights, mut left) = (Weights::default(), MAX_BYTES);
    for (name, value) in members {
        let name = objects.text(*name)?;
        let start = || name.chars().take(80).collect::<String>();
        let Object::Tensor(view) = objects.get(*value)? else {
            return Err(PickleError::Unsupported(format!(
                "the entry {:?} is no tensor; save the model's state_dict() alone",
                start()
            )));
        };
        let tensor = place(view, places)
            .map_err(|why| PickleError::malformed(format!("the tensor {:?} {why}", start())))?;
        let described = size_of::<Tensor>() + 16 * tensor.shape.len() + name.len();
        left = left.checked_sub(described).ok_or_else(|| {
            PickleError::malformed("its tensors would take more than 512 MiB to be described")
        })?;
        if weights.tensors.insert(name.to_owned(), tensor).is_some() {
            return Err(PickleError::malformed(format!(
                "the name {:?} is there twice",
                start()
            )));
        }
    }
    if weights.bytes() > file_bytes.saturating_mul(MAX_SHARING) {
        return Err(PickleError::malformed(
            "the same bytes again and again under other names",
        ));
    }
    Ok(weights)
}

fn place(view: &View, places: &BTreeMap<String, Place>) -> Result<Tensor, &'static str> {
    let storage = places
        .get(&view.storage.key)
        .ok_or("has no storage in the file")?;
    let width = view.dtype.bits() / 8;
    let unit = view.storage.dtype.map_or(1, |dtype| dtype.bits() / 8);
    if view.storage.count.checked_mul(unit) != Some(storage.bytes) {
        return Err("has a storage of another size than it says");
    }
    let bytes = view
        .dtype
        .bytes_of(&view.shape)
        .ok_or("is too large to be counted")?;
    let offset = view
        .offset
        .checked_mul(width)
        .ok_or("lies beyond its storage")?;
    let mut tensor = Tensor {
        dtype: view.dtype,
        shape: view.shape.clone(),
        offset: storage.offset,
        bytes,
        strides: None,
    };
    if bytes == 0 {
        return Ok(tensor);
    }
    let last = view
        .shape
        .iter()
        .zip(&view.strides)
        .try_fold(view.offset, |at, (size, stride)| {
            at.checked_add((size - 1).checked_mul(*stride)?)
        })
        .and_then(|last| last.checked_add(1)?.checked_mul(width));
    // A view may show numbers twice, but not more numbers than there are.
    if last.is_none_or(|last| last > storage.bytes) || bytes > storage.bytes {
        return Err("lies beyond its storage");
    }
    tensor.offset += offset;
    tensor.strides = (!is_in_order(&view.shape, &view.strides)).then(|| view.strides.clone());
    Ok(tensor)
}

/// Whether numbers lie in C order. Where a dimension has one entry, its stride says nothing.
fn is_in_order(shape: &[u64], strides: &[u64]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == expected;
        expected *= size;
        fits
    })
}
