use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Program;
use crate::sandbox::{Isolation, Limits, Mechanism};

/// What the server tells the launcher, as JSON in its one argument. Holds no secret: arguments are public.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    /// The server's process id: the launcher stops if its parent is another one already.
    pub(super) server: i32,
    /// The room's folder; `in` and `out` in it.
    pub(super) room: PathBuf,
    /// The user and group to become, when the server is root.
    pub(super) user: Option<u32>,
    /// Whether that user runs nothing else.
    pub(super) user_is_own: bool,
    /// The trainer with all of its arguments.
    pub(super) trainer: Program,
    /// Leave after the report instead of starting the trainer.
    pub(super) probe: bool,
    /// What the trainer may use.
    pub(super) limits: Limits,
    /// What may be absent.
    pub(super) allow_missing: BTreeSet<Mechanism>,
}

/// The launcher's answer: the first line on standard output, written before the trainer exists.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// The room is sealed; what follows on standard output is the trainer's.
    Sealed(Box<Isolation>),
    /// A mechanism that may not be absent is.
    Refused {
        /// Which.
        mechanism: Mechanism,
        /// Why.
        reason: String,
    },
    /// Something else went wrong.
    Failed {
        /// What.
        reason: String,
    },
}
