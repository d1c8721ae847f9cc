//! Journeys over the real programs: a file each.

mod crash;
mod demo;
mod determinism;
mod licences;
#[cfg(feature = "outside-tools")]
mod outside;
mod sandbox;
mod support;
mod tamper;
