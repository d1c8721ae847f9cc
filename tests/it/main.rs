//! Journeys over the real programs: a file each.

#![expect(clippy::unwrap_used, reason = "a journey that cannot go on has failed")]

mod bad_input;
#[cfg(feature = "outside-parts")]
mod compose;
#[cfg(feature = "outside-parts")]
mod container;
mod crash;
mod defects;
mod demo;
mod determinism;
#[cfg(feature = "outside-parts")]
mod drain;
#[cfg(feature = "outside-parts")]
mod faults;
#[cfg(feature = "outside-parts")]
mod handover;
mod jobs;
mod licences;
#[cfg(feature = "outside-parts")]
mod many;
#[cfg(feature = "outside-tools")]
mod outside;
mod reproduce;
mod resume;
mod rotation;
mod sandbox;
mod sbom;
#[cfg(all(feature = "outside-parts", feature = "outside-tools"))]
mod scan;
mod support;
mod tamper;
#[cfg(feature = "outside-parts")]
mod tls;
mod traces;
#[cfg(feature = "outside-parts")]
mod vault;
mod witness;
