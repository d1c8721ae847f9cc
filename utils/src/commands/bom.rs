//! `assay bom`: AIBoMs as files, of this platform or of any other tool.

pub(crate) mod score;
