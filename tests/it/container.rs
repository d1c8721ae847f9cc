//! The same hostile trainer in a container, and what only a container can be asked: what is in it, what is left of it, and
//! what becomes of a run when the engine goes away.
//!
//! What both kinds of sandbox promise is tested for both in `sandbox/`.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot be unwrapped has failed"
)]

mod engine;
mod jobs;
mod leavings;
mod proxy;
mod quota;
mod reach;
pub(crate) mod support;
