//! The worker: takes queued jobs, runs each in the sandbox, signs what happened, completes it.
//!
//! One attempt goes a straight way, a file for each part: `run_loop` (doorbell and claim) → `lease`
//! (heartbeats) → `layout`, `image` (may the job run in this worker's image?) → `stage` (inputs into the room, checked against the `ingest` link) → `train` (the sealed
//! run; `hear` judges its events, `checkpoint` keeps what a later attempt can go on from) → `collect` (outputs, hashed once) → `attest` (link and AIBoM) →
//! `complete` (one compare-and-set). A job that reproduces another one takes its inputs from that (`source`), and ends in a
//! `witness` link instead of a proof. Whatever ends an attempt early is a [`stop::Stop`], and
//! `complete` is the one place that turns it into a row of the database.

mod attempt;
mod attest;
mod boot_clock;
mod checkpoint;
mod collect;
mod complete;
mod environment;
mod error;
mod fitness;
mod hear;
mod image;
mod layout;
mod lease;
mod outcome;
mod phase;
mod presence;
mod program;
mod receive_events;
mod run_loop;
mod source;
mod stage;
mod stop;
mod trace;
mod train;
mod transcript;
mod witness;

pub use error::WorkerError;
pub use run_loop::run;
