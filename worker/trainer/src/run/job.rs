//! A job read and found to fit together: model, definition, data and parameters, each held against the others.

use std::path::Path;

use assay_protocol::{
    CheckpointRule, DataLimits, DataSummary, Fault, LogLevel, ModelSummary, Parameters,
};
use serde_json::{Value, json};

use super::inputs::Inputs;
use crate::archive::{self, KerasArchive};
use crate::data::{Dataset, Definition, Description, Kind, Loaded, Target};
use crate::engine::{self, Engine, Split, device::Device};

/// Everything that training needs.
pub(super) struct Job {
    pub(super) archive: KerasArchive,
    pub(super) engine: Engine,
    /// Where it trains.
    pub(super) device: Device,
    pub(super) dataset: Dataset,
    pub(super) split: Split,
    pub(super) parameters: Parameters,
    /// When to write checkpoints, if at all.
    pub(super) checkpoints: Option<CheckpointRule>,
    /// `preprocessing.json`.
    pub(super) recipe: Value,
    pub(super) model: ModelSummary,
    pub(super) data: DataSummary,
    /// What people should know before training begins.
    pub(super) remarks: Vec<(LogLevel, String)>,
}

impl Job {
    /// Reads the room's `in/`.
    ///
    /// # Errors
    /// The first thing that is wrong with an input, or that two inputs say differently.
    pub(super) fn read(folder: &Path, threads: usize) -> Result<Self, Fault> {
        let Inputs {
            parameters,
            limits,
            checkpoints,
            definition,
            model,
            dataset,
        } = Inputs::read(folder)?;
        let archive = archive::read(&model, &limits)?;
        drop(model);
        let model = archive::summary(&archive.spec);
        check_shape(
            "input_shape",
            definition.input_shape.as_deref(),
            &model.input_shape,
        )?;
        check_shape(
            "output_shape",
            definition.output_shape.as_deref(),
            &model.output_shape,
        )?;
        let target = Target::of(archive.spec.compile.loss, &model.output_shape)?;
        let loaded = load(
            &dataset,
            &definition,
            &model.input_shape,
            target,
            &limits,
            threads,
        )?;
        drop(dataset);
        check_data_shape(&loaded, &definition.kind, &model.input_shape)?;
        let split = split(&loaded, &parameters)?;
        let data = describe(&loaded, &definition, &split);
        let remarks = remarks(&archive, loaded.description(), &model, &split, &parameters);
        let (dataset, recipe) = loaded.prepare(&definition, &split.training)?;
        let engine = Engine::new(
            &archive.spec,
            archive.weights.clone(),
            archive.optimizer.clone(),
            parameters.seed,
        )?
        .with_threads(threads)?;
        Ok(Self {
            archive,
            engine,
            device: Device::Cpu,
            dataset,
            split,
            parameters,
            checkpoints,
            recipe,
            model,
            data,
            remarks,
        })
    }
}

fn split(loaded: &Loaded, parameters: &Parameters) -> Result<Split, Fault> {
    let rows = u32::try_from(loaded.rows()).map_err(|_| {
        Fault::dataset(
            "dataset.too_large",
            "the data set has more than 2^32 - 1 rows",
        )
    })?;
    let split = engine::split(rows, parameters.validation_split, parameters.seed);
    check_split(&split, parameters)?;
    Ok(split)
}

/// Reads the data set on as many threads as were asked for.
fn load(
    bytes: &[u8],
    definition: &Definition,
    input_shape: &[usize],
    target: Target,
    limits: &DataLimits,
    threads: usize,
) -> Result<Loaded, Fault> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| {
            Fault::without_field(
                "trainer.threads",
                format!("{threads} threads cannot be started: {error}"),
            )
        })?;
    pool.install(|| Loaded::read(bytes, definition, input_shape, target, limits))
}

fn check_shape(key: &str, stated: Option<&[usize]>, model: &[usize]) -> Result<(), Fault> {
    match stated {
        Some(stated) if stated != model => Err(Fault::definition(
            "definition.shape_mismatch",
            format!("the definition's {key} is {stated:?}, but the model's is {model:?}"),
        )),
        _ => Ok(()),
    }
}

fn check_data_shape(loaded: &Loaded, kind: &Kind, model: &[usize]) -> Result<(), Fault> {
    let shape = loaded.shape();
    if shape == model {
        return Ok(());
    }
    let same_size = shape.iter().product::<usize>() == model.iter().product::<usize>();
    let hint = match kind {
        Kind::Csv { .. } => "; the label does not count as a feature",
        Kind::TfRecord { .. } if same_size => {
            "; set flatten_features: false to keep the shape of a single feature"
        }
        Kind::TfRecord { .. } => "",
        Kind::Image { .. } => "; image_size in the definition must be the model's height and width",
    };
    Err(Fault::dataset(
        "dataset.shape_mismatch",
        format!(
            "a row of the data set has the shape {shape:?}, but the model's input is {model:?}{hint}"
        ),
    ))
}

/// A split that leaves a side empty, or more steps than it has batches, is not what anyone wanted.
fn check_split(split: &Split, parameters: &Parameters) -> Result<(), Fault> {
    let (training, validation) = (split.training.len(), split.validation.len());
    let fraction = parameters.validation_split;
    let rows = training + validation;
    if training == 0 || (fraction > 0.0 && validation == 0) {
        let side = if training == 0 { "train" } else { "validate" };
        return Err(Fault::of(
            "validation_split",
            "parameters.validation_split",
            format!("a validation_split of {fraction} of {rows} rows leaves none to {side} on"),
        ));
    }
    let batch = parameters.batch_size;
    let steps = |asked: Option<u32>, rows: usize, name: &'static str, code: &'static str| {
        let batches = rows.div_ceil(batch as usize);
        match asked {
            Some(asked) if asked as usize > batches => Err(Fault::of(
                name,
                code,
                format!(
                    "{name} is {asked}, but {rows} rows in batches of {batch} are only {batches}"
                ),
            )),
            _ => Ok(()),
        }
    };
    steps(
        parameters.steps_per_epoch,
        training,
        "steps_per_epoch",
        "parameters.steps_per_epoch",
    )?;
    if validation == 0 {
        return Ok(());
    }
    steps(
        parameters.validation_steps,
        validation,
        "validation_steps",
        "parameters.validation_steps",
    )
}

fn describe(loaded: &Loaded, definition: &Definition, split: &Split) -> DataSummary {
    let about = loaded.description();
    let wanted = &definition.preprocessing;
    DataSummary {
        kind: definition.kind.name().to_owned(),
        rows: loaded.rows() as u64,
        training_rows: split.training.len() as u64,
        validation_rows: split.validation.len() as u64,
        input_shape: loaded.shape().to_vec(),
        features: about.features.clone(),
        label: about.label.clone(),
        classes: about.classes.clone(),
        preprocessing: json!({
            "normalize": wanted.normalize,
            "scale": wanted.scale,
            "clip": wanted.clip,
        }),
    }
}

fn remarks(
    archive: &KerasArchive,
    about: &Description,
    model: &ModelSummary,
    split: &Split,
    parameters: &Parameters,
) -> Vec<(LogLevel, String)> {
    let mut remarks: Vec<_> = archive
        .notes
        .iter()
        .map(|note| (LogLevel::Warning, note.clone()))
        .collect();
    let classes = &about.classes;
    let renumbered = |(index, name): (usize, &String)| name.parse() != Ok(index);
    let numbers = classes.iter().all(|name| name.parse::<i64>().is_ok());
    if numbers && about.label.is_some() && classes.iter().enumerate().any(renumbered) {
        let shown: Vec<_> = classes.iter().take(20).collect();
        remarks.push((
            LogLevel::Warning,
            format!("the labels are renumbered from 0 in ascending order; they were {shown:?}"),
        ));
    }
    let outputs = model.output_shape.first().copied().unwrap_or_default();
    if outputs > 1 && !classes.is_empty() && classes.len() < outputs {
        remarks.push((
            LogLevel::Warning,
            format!(
                "the model has {outputs} outputs, but the data set only {} classes",
                classes.len()
            ),
        ));
    }
    if let (Some([height, width]), [rows, columns, ..]) = (about.file_size, &model.input_shape[..])
        && (height, width) != (*rows, *columns)
    {
        remarks.push((
            LogLevel::Info,
            format!("images of {height}×{width} are resized to {rows}×{columns}, bilinear"),
        ));
    }
    if split.validation.is_empty() && parameters.validation_steps.is_some() {
        remarks.push((
            LogLevel::Warning,
            "validation_steps has no effect, for validation_split is 0".to_owned(),
        ));
    }
    remarks
}
