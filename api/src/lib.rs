//! The HTTP service: jobs handed in, watched and fetched; proofs verified.
//!
//! [`run`] serves a listener until it is told to stop. The way of a request that hands in a job reads
//! `routes/submit` → `form` → `submission` (files streamed into the store) → `check` (the trainer looks at them
//! in the sandbox) → `ingest` (link, job, doorbell). Everything that goes wrong is a `problem` (RFC 9457).

mod app;
mod check;
mod error;
mod file_name;
mod form;
mod ingest;
mod origin;
mod own_address;
mod places;
mod probe;
mod problem;
mod routes;
mod server;
mod service;
mod staged;
mod submission;
mod text_value;
mod trace;

pub use error::ApiError;
pub use server::{run, run_status};
