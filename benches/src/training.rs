//! Training alone: the trainer's own process, from start to end, against `keras_fit.py` on the same files.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, bail};
use serde_json::json;

use crate::{data, print, server::beside_us};

pub(crate) fn run(keras: Option<PathBuf>) -> anyhow::Result<()> {
    for (name, inputs) in [("table", data::table()?), ("images", data::images()?)] {
        let dir = tempfile::tempdir()?;
        let room = dir.path().join("in");
        std::fs::create_dir(&room)?;
        std::fs::write(room.join("model"), &inputs.model)?;
        std::fs::write(room.join("dataset"), &inputs.dataset.1)?;
        std::fs::write(room.join("dataset_definition"), &inputs.definition)?;
        std::fs::write(
            room.join("parameters.json"),
            json!({"framework": "candle", "parameters": {"epochs": 5, "seed": 3}}).to_string(),
        )?;
        let mut ours = f64::INFINITY;
        for turn in 0..3 {
            ours = ours.min(train(&room, &dir.path().join(format!("out{turn}")))?);
        }
        match &keras {
            None => print(format!(
                "{name}: ours {ours:.2} s, reading the data and starting the process included"
            )),
            Some(python) => {
                let fit = fit(python, dir.path())?;
                print(format!(
                    "{name}: ours {ours:.2} s (whole process), Keras/TensorFlow {fit:.2} s (fit alone), ratio {:.2}",
                    ours / fit
                ));
            }
        }
    }
    Ok(())
}

fn train(room: &Path, out: &Path) -> anyhow::Result<f64> {
    std::fs::create_dir(out)?;
    let begun = Instant::now();
    let status = Command::new(beside_us("assay-trainer")?)
        .args(["train", "--threads", "2", "--in"])
        .arg(room)
        .arg("--out")
        .arg(out)
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        bail!("the trainer ended with {status}");
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Seconds that Keras' `fit` takes on the same files.
fn fit(python: &Path, dir: &Path) -> anyhow::Result<f64> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("keras_fit.py");
    let output = Command::new(python).arg(script).arg(dir).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.trim()
        .lines()
        .last()
        .and_then(|line| line.parse().ok())
        .with_context(|| {
            format!(
                "Keras did not train: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
}
