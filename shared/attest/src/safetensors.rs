//! Safetensors files: read strictly, signed in their own header, their metadata changed without touching a tensor.
//!
//! The file is 8 bytes of length, a JSON header, and the tensors. What this crate adds lies in the header's
//! `__metadata__`, which every reader passes over: a sigstore bundle under [`SIGNATURE_KEY`], over a statement of the
//! [`crate::tensors::digest()`] and of the rest of the metadata.

mod beside;
mod change;
mod convert;
pub mod file;
mod header;
mod journal;
mod rewrite;
mod statement;

use std::{io, path::PathBuf};

pub use convert::convert;
pub use header::{Header, MAX_HEADER_BYTES};
pub use statement::{Claims, PREDICATE_TYPE, SIGNATURE_KEY, Statement};

use crate::{sigstore::BundleError, tensors::ReadError};

/// What can go wrong with a safetensors file.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// Not a file that strict readers accept.
    #[error("not a safetensors file: {0}")]
    Header(String),
    /// A change of the file was not finished, or goes on just now.
    #[error(
        "a change of the file was broken off, or goes on: {} is there; `assay model meta FILE --recover` finishes it",
        .0.display()
    )]
    BrokenOff(PathBuf),
    /// Somebody else holds the file's lock.
    #[error("{} is locked: another program changes it; try again when it is done", .0.display())]
    Locked(PathBuf),
    /// A link, where a file is to be changed.
    #[error("it is a symbolic link, which is not changed; name the file that it leads to: {}", .0.display())]
    Link(PathBuf),
    /// The file is not signed inside.
    #[error("the file is not signed: there is no {SIGNATURE_KEY} in its metadata")]
    Unsigned,
    /// The bundle in the header.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The statement is signed, but is none of this kind, or of other content.
    #[error("the signature in the file: {0}")]
    Statement(String),
    /// The tensors cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file system.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests;
