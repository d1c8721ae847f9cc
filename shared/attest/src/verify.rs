//! Verification: signed files, keys that the caller pins and the time in; a report of named checks out.
//!
//! [`verify_proof`] looks at the proof files alone, whichever of them are there; [`verify_bundle`] looks at a whole
//! bundle, every artifact hashed; [`examine_bundle`] also gives the link that it verified. A check that cannot be made because something is not there is never a pass.

mod artifacts;
mod bundle;
mod digests;
mod job;
mod keys;
mod model;
mod proof;
mod report;
mod statements;
mod ties;
mod transcript;
mod witness;

pub use bundle::{
    AIBOM_FILE, AIBOM_SIGNATURE_FILE, LAYOUT_FILE, MODEL_SIGNATURE_FILE, STATEMENTS_FILE,
    VerifiedBundle, examine_bundle, verify_bundle,
};
pub use job::{link_job, named_job};
pub use proof::{LinkFile, ProofFiles, VerifiedProof, verify_proof};
pub use report::{Check, Outcome, Report};
