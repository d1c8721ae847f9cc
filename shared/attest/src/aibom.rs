//! The AIBoM: a CycloneDX document (1.6, or 1.7 on request) of everything that is known of a trained model, built from [`Facts`], signed
//! with JSF ES256 over RFC 8785, and read back.
//!
//! Only what was given or measured is in it. What could not be measured says so, with the reason; what the submitter
//! said is marked as claimed. Numbers that are not integers are strings, but for the kilowatt-hours of a measured energy,
//! which CycloneDX wants as a number: ECMAScript's shortest form, as RFC 8785 has it.

mod build;
mod card;
mod citations;
mod component;
mod dataset;
mod declarations;
mod energy;
mod facts;
mod formulation;
mod image;
mod licence;
mod locator;
mod model;
mod property;
mod read;
mod request;
pub mod score;
mod sign;
mod spec_version;
mod supplied;

pub use build::build;
pub use facts::{
    ArtifactFacts, DataFacts, EnergyFacts, EnvironmentFact, Facts, IsolationFact, LayerFacts,
    LinkRef, Measured, ModelFacts, Producer, ResumedFrom, Times, TrainerFacts,
};
pub use image::{ImageFacts, ScanFacts, ScanResult, VulnerabilityFacts};
pub(crate) use read::job_id;
pub use read::{VerifiedBom, names_signer, verify};
pub use request::{claims, parameters};
pub use sign::{BomError, sign};
pub use supplied::{MAX_SBOM_BYTES, SbomError, SuppliedSbom, read_sbom};
