//! The files of the room's `out/`: each is complete or absent.

use std::path::Path;

use assay_protocol::{Fault, OutputFile, room};

use super::job::Job;
use crate::archive;
use crate::engine::History;

/// Writes every output and lists them in the order of [`room::OUTPUTS`].
pub(super) fn write(
    folder: &Path,
    job: &Job,
    history: &History,
    log: &str,
) -> Result<Vec<OutputFile>, Fault> {
    let weights = job.engine.weights();
    let state = job.engine.optimizer_state();
    let spec = &job.archive.spec;
    room::OUTPUTS
        .iter()
        .map(|name| {
            let bytes = match *name {
                room::TRAINED_MODEL => archive::write(&job.archive, &weights, &state)?,
                room::METRICS => json(history)?,
                room::LOGS => log.as_bytes().to_vec(),
                room::WEIGHTS => archive::safetensors(spec, &weights)?,
                room::ARCHITECTURE => archive::architecture(spec)?,
                room::PREPROCESSING => json(&job.recipe)?,
                other => {
                    return Err(Fault::without_field(
                        "trainer.output",
                        format!("nothing is known of the output {other:?}"),
                    ));
                }
            };
            put(folder, name, &bytes).map_err(|error| {
                Fault::without_field(
                    "trainer.output",
                    format!("the output {name:?} cannot be written: {error}"),
                )
            })?;
            Ok(OutputFile {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
            })
        })
        .collect()
}

/// Under another name first, so that a file under its own name is whole.
pub(super) fn put(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let partial = folder.join(format!(".{name}.partial"));
    std::fs::write(&partial, bytes)?;
    std::fs::rename(&partial, folder.join(name))
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Fault> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| {
        Fault::without_field(
            "trainer.output",
            format!("an output cannot be written as JSON: {error}"),
        )
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}
