//! Weights saved by `PyTorch` (`pytorch_model.bin`, `.pt`), read without running anything.
//!
//! A pickle is a program. Here it is read by a machine that knows numbers, texts, tuples, lists, dictionaries and the
//! few functions that put tensors together; whatever else the program wants to call ends the reading with its name.

mod archive;
mod globals;
mod legacy;
mod machine;
mod object;
mod opcodes;
mod rebuild;
mod source;
mod weights;

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
};

use crate::tensors::Weights;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum PickleError {
    /// The pickle wants to call something that is not needed for weights.
    #[error(
        "refused: the file wants to call {0:?}. Only what puts tensors together is allowed, and nothing was executed; \
         such a file may take over the machine of whoever loads it with Python"
    )]
    Forbidden(String),
    /// Something that no writer of weights writes.
    #[error("not a file of PyTorch weights: {0}")]
    Malformed(String),
    /// Weights, but in a form that is not read.
    #[error("{0}")]
    Unsupported(String),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl PickleError {
    fn malformed(why: impl Into<String>) -> Self {
        Self::Malformed(why.into())
    }
}

/// Finds the weights of a file: in the zip form (since `PyTorch` 1.6) or the older one.
///
/// # Errors
/// [`PickleError`].
pub fn read(file: &File) -> Result<Weights, PickleError> {
    let mut head = [0; 4];
    let count = file.read_at(&mut head, 0)?;
    if head.get(..count) == Some(b"PK\x03\x04") {
        archive::read(file)
    } else {
        legacy::read(file)
    }
}

/// Reads a pickle from memory for its own sake, as a fuzzer does: everything up to the weights' places.
///
/// # Errors
/// [`PickleError`].
pub fn inspect(bytes: &[u8]) -> Result<usize, PickleError> {
    let mut machine = machine::Machine::new(bytes.take(bytes.len() as u64));
    machine.run()?;
    Ok(machine.into_objects().len())
}

#[cfg(test)]
mod tests;
