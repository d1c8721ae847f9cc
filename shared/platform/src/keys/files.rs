//! The files of a set-up: public ones always, private ones where no engine holds the keys.

pub(super) mod folder;
mod making;
mod public;
mod rotation;

use std::path::Path;

use assay_attest::Trust;

use super::KeyError;
use folder::{file_error, read_public};

pub(super) use making::{add, exist, export, init, reissue_layout};
pub(super) use public::write_trust;
pub use rotation::Rotated;
pub(super) use rotation::{revoke, rotate};

pub(super) const OWNER: &str = "owner.pem";
pub(super) const PLATFORM: &str = "platform.pem";
const OWNER_PUBLIC: &str = "owner.pub";
const PLATFORM_PUBLIC: &str = "platform.pub";
const LAYOUT: &str = "layout.json";
const LAYOUT_SCAN: &str = "layout-scan.json";
pub(super) const TRUST: &str = "trust.json";
/// The last trust file that the owner signed; it goes offline with the owner's key.
const OWNER_TRUST: &str = "owner-trust.json";
const NOTE: &str = "README.txt";

pub(super) fn read_trust(dir: &Path) -> Result<Trust, KeyError> {
    let path = dir.join(TRUST);
    Trust::from_json(&read_public(&path)?).map_err(file_error(&path))
}

#[cfg(test)]
mod tests;
