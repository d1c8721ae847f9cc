//! The store as a local folder.

/// A folder of objects named by their digests.
#[derive(Debug, Clone)]
pub struct Folder {}
