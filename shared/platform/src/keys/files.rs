//! Keys as PEM files.

/// Keys read from a folder.
#[derive(Debug)]
pub struct KeyFiles {}
