//! Scans of images for known vulnerabilities, with Trivy.
//!
//! Each configured image is scanned when it first appears and then on a schedule. The reports go to the store's buckets,
//! what was found into the database, and a `scan_image` link is signed over it. Only Trivy's own word that nothing was
//! found is read as clean: whatever goes wrong is a failed scan, which is recorded as one.

mod archive;
mod due;
mod engine;
mod error;
mod images;
mod link;
mod process;
mod record;
mod room;
mod run_loop;
mod trivy;

pub use error::ScannerError;
pub use run_loop::run;
