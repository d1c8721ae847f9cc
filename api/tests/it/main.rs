//! The service over a real platform, asked over real sockets. A scripted program plays the trainer's part.

#![expect(
    clippy::unwrap_used,
    reason = "a test that finds nothing to unwrap has failed"
)]

mod events;
mod forms;
mod health;
mod reading;
mod reproduce;
mod service;
mod submit;
mod support;
mod verify;
mod verify_bom;
mod workers;
