//! in-toto metadata: links, layouts, artifact rules, the containers that carry them signed, and the verification of
//! a layout with its links, to the answers of in-toto 3.1.0.
//!
//! What the platform signs itself ([`sign`], [`Signed`]) are metablocks whose bytes are RFC 8785, with one ECDSA P-256
//! signature over the OLPC canonical JSON of `signed`. Where in-toto is lax this is strict: one encoding, SHA-256
//! only, safe paths. What others sign ([`Metadata`], [`verify_layout`]) may be metablocks or DSSE envelopes in any
//! encoding, with several signatures, by P-256, Ed25519 and RSA keys.

mod any_link;
mod chain;
mod glob;
mod inspection;
mod layout;
mod link;
mod metablock;
mod metadata;
mod rule;

pub use any_link::{AnyArtifacts, AnyLink, DigestSet};
pub use chain::{
    Agreement, ChainError, Item, RuleError, Sides, Summary, Witness, check_rules, check_signer,
    check_thresholds, verify_layout,
};
pub use glob::fnmatch;
pub use inspection::Inspection;
pub use layout::{Layout, Step};
pub use link::{Artifacts, Link, link_file_name};
pub use metablock::{MetadataError, Signed, sign};
pub use metadata::{Form, Metadata, Payload};
pub use rule::{Artifact, Rule, RuleSyntaxError};
