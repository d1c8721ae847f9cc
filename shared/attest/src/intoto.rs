//! in-toto metadata: links, layouts, artifact rules, the metablock that carries them signed, and the verification of
//! a layout with its links, to the answers of in-toto 3.1.0.
//!
//! Files are metablocks whose bytes are RFC 8785; signatures are ECDSA P-256 over the OLPC canonical JSON of `signed`.
//! Where in-toto is lax this is strict: one encoding, one signature a file, SHA-256 only, no unknown members.

mod chain;
mod glob;
mod layout;
mod link;
mod metablock;
mod rule;

pub use chain::{ChainError, RuleError, check_rules, check_signer, check_thresholds};
pub use glob::fnmatch;
pub use layout::{Layout, Step};
pub use link::{Artifacts, Link, link_file_name};
pub use metablock::{MetadataError, Signed, sign};
pub use rule::{Artifact, Rule, RuleSyntaxError};
