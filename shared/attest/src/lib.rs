//! The formats of proof, as pure functions over bytes and keys: SHA-256 digests, in-toto links and layouts,
//! signed CycloneDX AIBoMs, OpenSSF model signatures, and the verification of a whole bundle.
//!
//! Readers, bytes, keys and the time are handed in, so that the crate can be used alone, in a service or offline. What
//! works on files says so: [`model_signing::folder`], [`safetensors`] and [`tensors`]. What the platform signs for a proof
//! has one canonical encoding (RFC 8785), and any other bytes are refused; `trust.json` and what other tools sign may be
//! spelled as they like. No proof is verified with a key that lies inside it: a trust file names its owner's key, and
//! whoever pins it has to have it from that owner.

pub mod aibom;
mod artifact;
mod checkpoints;
mod cores;
mod digest;
pub mod dsse;
pub mod intoto;
pub mod json;
mod key;
mod layout;
pub mod model_signing;
mod path;
pub mod pickle;
mod regular;
pub mod safetensors;
pub mod sigstore;
pub mod statement;
pub mod tensors;
mod transcript;
mod trust;
pub mod verify;
mod witness;

pub use artifact::{ArtifactPath, OUTPUT_NAMES, Role};
pub use checkpoints::{CHECKPOINTS, KeptCheckpoint, KeptCheckpoints, checkpoint_path};
pub use digest::{Digest, DigestError, Hasher, hash_reader};
pub use key::{KeyError, KeyId, PublicKey, SignerError, SigningKey, VerificationKey};
pub use layout::{
    IMAGE_PATH, INGEST, LAYOUT_VALIDITY, RUN_TRAINING, SCAN_IMAGE, SCAN_REPORTS, ingest_command,
    platform_layout, platform_layout_with_scan, scan_command, training_command,
};
pub use path::{MAX_PATH_BYTES, PathError, check_path};
pub use regular::{open_regular, read_regular};
pub use transcript::{
    MAX_LISTED, RecordedTranscript, TRANSCRIPT, Transcript, TranscriptError, trained_weights,
};
pub use trust::{
    FormerKey, Functionary, KeyRefusal, Part, Revocation, Trust, TrustError, TrustSignature, Window,
};
pub use witness::{WITNESS, WITNESSED, witness_command, witness_link};
