//! `model.weights.h5` read at arm's length.
//!
//! The HDF5 library is trusted to parse, not to parse hostile files cheaply: it reads through a [`Budget`]
//! that bounds how much and how often it reads (so a tree whose nodes point at themselves ends), and in a
//! thread of its own with a deep stack (so deeply nested types fit), whose panic is a fault of the file.

mod budget;
mod tree;

use assay_protocol::Fault;
use hdf5_pure::File;

use super::fault;
pub(super) use tree::{LayerGroup, Tree};

/// Enough for the deepest nesting of types that one metadata read of [`budget::MAX_METADATA_READ`] can hold.
const STACK_BYTES: usize = 256 << 20;

/// Parses the file and hands its tree to `use_tree`; whatever goes wrong inside the parser is `model.malformed`.
pub(super) fn with_tree<T: Send>(
    bytes: Vec<u8>,
    use_tree: impl FnOnce(&Tree) -> Result<T, Fault> + Send,
) -> Result<T, Fault> {
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("hdf5".to_owned())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, || {
                let (source, bulk) = budget::Budget::new(bytes);
                let file = File::from_source(source).map_err(|e| broken(&e))?;
                use_tree(&Tree::new(file, bulk))
            })
            .map_err(|e| {
                Fault::without_field("trainer.thread", format!("starting the HDF5 reader: {e}"))
            })?;
        reader.join().unwrap_or_else(|_| {
            Err(fault::malformed(
                "model.weights.h5 cannot be read: it is not a valid HDF5 file",
            ))
        })
    })
}

fn broken(error: &hdf5_pure::Error) -> Fault {
    fault::malformed(format!(
        "model.weights.h5 cannot be read: {}",
        fault::short(&error.to_string())
    ))
}
