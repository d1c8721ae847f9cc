//! The worker over a real platform in a temporary folder, with a trainer that plays the part a test asks for.
#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

mod checkpoints;
mod ends;
mod identity;
mod leases;
mod presence;
mod proof;
mod support;
mod witness;
