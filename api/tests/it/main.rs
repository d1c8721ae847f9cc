//! The service over a real platform, asked over real sockets. A scripted program plays the trainer's part.

mod events;
mod forms;
mod reading;
mod service;
mod submit;
mod support;
mod verify;
mod verify_bom;
