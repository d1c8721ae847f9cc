//! `assay intoto`: links and layouts of any in-toto tool.

pub(crate) mod sign;
pub(crate) mod verify;
