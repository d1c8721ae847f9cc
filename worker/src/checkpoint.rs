//! Checkpoints: taken from a running training, signed and kept; given to a later attempt if everything about them holds.
//!
//! A checkpoint is made by a program that has touched a user's model, lies in a store that others can reach, and is
//! named by a row that others can write. So the worker signs what it took and from which attempt, and a later attempt
//! goes on only from one whose signature is that of a worker in the layout in force and whose bytes are those signed.

mod keep;
mod offer;
mod statement;

pub(crate) use keep::{keep, release};
pub(crate) use offer::{Offered, Plan, none, plan};
