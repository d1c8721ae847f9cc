//! The scanner over its real parts, with programs in Trivy's place that do what Trivy must not, and with Trivy itself.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod failures;
#[cfg(feature = "outside-parts")]
mod real;
mod support;
