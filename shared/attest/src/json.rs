//! Strict JSON: a reader with limits that refuses duplicate keys, and the two canonical encodings that proofs use,
//! JCS (RFC 8785) for files and CycloneDX signatures, OLPC for in-toto signatures.

mod canonical;
mod parse;

pub use canonical::{CanonicalError, jcs, olpc};
pub use parse::{JsonError, Limits, parse, parse_canonical};
