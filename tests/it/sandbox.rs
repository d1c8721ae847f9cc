//! A hostile trainer in the sandbox: what it can reach, what it can use up, and whether it can stay.
//!
//! The attacks are in `src/bin/hostile_trainer/`. The ones that reach out run twice: under a server of the user
//! who runs the tests, which is most often root, and under a server of an ordinary user.

#![expect(
    clippy::unwrap_used,
    reason = "in a test, what cannot be unwrapped has failed"
)]

mod life;
mod limits;
mod reach;
pub(crate) mod support;
