use std::time::Instant;

use assay_protocol::{EpochReport, Fault, Parameters};

use super::batches::Batches;
use super::history::History;
use super::metrics::Metrics;
use super::model::{Batch, Engine};
use super::random::Split;
use super::rows::{Labels, Rows};

/// A training that is gone on with, the engine already holding its weights and optimizer.
#[derive(Debug, Clone, PartialEq)]
pub struct Resume {
    /// Epochs trained, counted from 0 whatever `initial_epoch` is: the first one to train now.
    pub epoch: u32,
    /// Their metrics.
    pub history: History,
}

/// What is known after an epoch.
#[derive(Debug)]
pub struct Epoch<'a> {
    /// What it gave.
    pub report: EpochReport,
    /// The model and its optimizer, as they are now.
    pub engine: &'a Engine,
    /// The metrics so far.
    pub history: &'a History,
}

/// Trains as Keras' `Model.fit` does, and calls `on_epoch` after every epoch.
///
/// Epochs run from `initial_epoch`, or from where `resume` stopped, up to `epochs`; either way gives the same bits. The loss and metrics of an epoch are gathered in training
/// mode, batch by batch, the loss weighted by rows; then, every `validation_freq` epochs, the validation rows
/// are measured in inference mode, at most `validation_steps` batches of them.
///
/// # Errors
/// `training.diverged` when a loss is not a number; `trainer.no_gradient` when a weight would never train;
/// `validation_split` when it leaves no row on one side; whatever `on_epoch` returns.
pub fn train(
    engine: &mut Engine,
    data: &impl Rows,
    split: &Split,
    parameters: &Parameters,
    resume: Option<Resume>,
    on_epoch: &mut dyn FnMut(Epoch<'_>) -> Result<(), Fault>,
) -> Result<History, Fault> {
    check(engine, data, split, parameters)?;
    let steps = parameters.steps_per_epoch.map(|steps| steps as usize);
    let size = parameters.batch_size as usize;
    let mut batches = Batches::new(&split.training, size, steps, parameters.seed);
    let Resume {
        epoch: first,
        mut history,
    } = resume.unwrap_or_else(|| Resume {
        epoch: parameters.initial_epoch,
        history: History::default(),
    });
    batches.skip(parameters.initial_epoch..first);
    let mut room = Room::default();
    for epoch in first..parameters.epochs {
        let start = Instant::now();
        let mut metrics = Metrics::new(&engine.spec().compile.metrics);
        engine.begin_epoch(epoch);
        for (number, rows) in batches.epoch(epoch).into_iter().enumerate() {
            room.gather(data, rows);
            let batch = engine.train_batch(room.take(), &room.y)?;
            if !batch.loss.is_finite() {
                return Err(diverged(epoch, number));
            }
            add(&mut metrics, &batch);
        }
        engine.end_epoch()?;
        let mut results = metrics.results();
        if !split.validation.is_empty() && (epoch + 1) % parameters.validation_freq.max(1) == 0 {
            let validation = validate(engine, data, split, parameters, &mut room)?;
            results.extend(
                validation
                    .into_iter()
                    .map(|(name, value)| (format!("val_{name}"), value)),
            );
        }
        for (name, value) in &results {
            history.push(name, *value);
        }
        let report = EpochReport {
            epoch: epoch + 1,
            of: parameters.epochs,
            metrics: results.into_iter().collect(),
            seconds: start.elapsed().as_secs_f64(),
            weights_sha256: None,
        };
        on_epoch(Epoch {
            report,
            engine,
            history: &history,
        })?;
    }
    Ok(history)
}

/// Loss and metrics of the validation rows, in inference mode.
fn validate(
    engine: &Engine,
    data: &impl Rows,
    split: &Split,
    parameters: &Parameters,
    room: &mut Room,
) -> Result<Vec<(String, f64)>, Fault> {
    let mut metrics = Metrics::new(&engine.spec().compile.metrics);
    let steps = parameters
        .validation_steps
        .map_or(usize::MAX, |steps| steps as usize);
    let size = (parameters.batch_size as usize).max(1);
    for rows in split.validation.chunks(size).take(steps) {
        room.gather(data, rows);
        let batch = engine.test_batch(room.take(), &room.y)?;
        add(&mut metrics, &batch);
    }
    Ok(metrics.results())
}

fn add(metrics: &mut Metrics, batch: &Batch) {
    metrics.add(batch.loss, &batch.output, &batch.targets);
}

/// Memory for a batch.
struct Room {
    x: Vec<f32>,
    y: Labels,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            x: Vec::new(),
            y: Labels::Classes(Vec::new()),
        }
    }
}

impl Room {
    fn gather(&mut self, data: &impl Rows, rows: &[u32]) {
        data.gather(rows, &mut self.x, &mut self.y);
    }

    /// The inputs; the engine keeps them.
    fn take(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.x)
    }
}

fn check(
    engine: &Engine,
    data: &impl Rows,
    split: &Split,
    parameters: &Parameters,
) -> Result<(), Fault> {
    if engine.input_shape() != data.input_shape() {
        return Err(Fault::dataset(
            "dataset.input_shape",
            format!(
                "a row has shape {:?}, but the model takes {:?}",
                data.input_shape(),
                engine.input_shape()
            ),
        ));
    }
    if split.training.is_empty()
        || (parameters.validation_split > 0.0 && split.validation.is_empty())
    {
        return Err(Fault::of(
            "validation_split",
            "parameters.validation_split",
            format!(
                "validation_split leaves {} rows for training and {} for validation; there must be at least one of each",
                split.training.len(),
                split.validation.len()
            ),
        ));
    }
    let rows = data.rows();
    let beyond = |row: &&u32| **row as usize >= rows;
    match split.training.iter().chain(&split.validation).find(beyond) {
        Some(row) => Err(Fault::without_field(
            "trainer.split",
            format!("row {row} of {rows} does not exist"),
        )),
        None => Ok(()),
    }
}

fn diverged(epoch: u32, batch: usize) -> Fault {
    Fault::without_field(
        "training.diverged",
        format!(
            "the loss is no longer a number in epoch {}, batch {}; a smaller learning rate or scaled inputs may help",
            epoch + 1,
            batch + 1
        ),
    )
}
