//! Verification for those who would rather ask the service. What it trusts is pinned when it starts: the owner's key
//! for layouts, the platform's for AIBoMs; nothing in an uploaded file is believed before its signature is verified.
//!
//! A verification that fails is an answer (200, `status: failure`, with every check beside); a file that is not even
//! of the right kind is a problem (4xx).

mod answer;
mod artifacts;
mod bom;
mod file_hash;
mod given;
mod link;
mod stored;

pub(crate) use artifacts::{__path_artifacts, artifacts};
pub(crate) use bom::{__path_bom, bom};
pub(crate) use file_hash::{__path_file_hash, file_hash};
pub(crate) use link::{__path_link, link};

use crate::problem::Problem;

/// Runs what keeps a processor busy beside the threads that serve requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Problem::internal("service.task", error))
}
