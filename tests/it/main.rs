//! Journeys over the real programs: a file each.

mod bad_input;
mod crash;
mod demo;
mod determinism;
mod jobs;
mod licences;
#[cfg(feature = "outside-tools")]
mod outside;
mod sandbox;
mod support;
mod tamper;
