//! The files of the room's `in/`.

use std::path::Path;

use assay_protocol::{CheckpointRule, DataLimits, Fault, JobRequest, Parameters, room};

use crate::data::Definition;

/// Everything that a job hands in, the small files already parsed.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) parameters: Parameters,
    pub(super) limits: DataLimits,
    pub(super) checkpoints: Option<CheckpointRule>,
    pub(super) definition: Definition,
    pub(super) model: Vec<u8>,
    pub(super) dataset: Vec<u8>,
}

impl Inputs {
    /// Reads a folder.
    ///
    /// # Errors
    /// `trainer.room` if a file is missing or one that the platform wrote cannot be parsed; the faults of
    /// the parameters and of the definition.
    pub(super) fn read(folder: &Path) -> Result<Self, Fault> {
        let limits = optional(folder, room::LIMITS)?.unwrap_or_default();
        let request: JobRequest = parse(room::PARAMETERS, &file(folder, room::PARAMETERS)?)?;
        request.parameters.validate()?;
        let definition = Definition::parse(&file(folder, room::DEFINITION)?, &limits)?;
        Ok(Self {
            parameters: request.parameters,
            limits,
            checkpoints: optional(folder, room::CHECKPOINT_RULE)?,
            definition,
            model: file(folder, room::MODEL)?,
            dataset: file(folder, room::DATASET)?,
        })
    }
}

/// A small file that need not be there.
fn optional<T: serde::de::DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>, Fault> {
    match std::fs::read(folder.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(name, &error)),
        Ok(bytes) => parse(name, &bytes).map(Some),
    }
}

fn file(folder: &Path, name: &str) -> Result<Vec<u8>, Fault> {
    std::fs::read(folder.join(name)).map_err(|error| unreadable(name, &error))
}

fn unreadable(name: &str, error: &std::io::Error) -> Fault {
    Fault::without_field(
        "trainer.room",
        format!("the input {name:?} cannot be read: {error}"),
    )
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        Fault::without_field(
            "trainer.room",
            format!("the input {name:?} is not what it should be: {error}"),
        )
    })
}
