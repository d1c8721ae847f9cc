use time::{Duration, OffsetDateTime};

use crate::{
    Functionary, OUTPUT_NAMES,
    intoto::{Artifact, Layout, Rule, Step},
};

/// The step in which the service takes in a job's files.
pub const INGEST: &str = "ingest";
/// The step in which a worker trains.
pub const RUN_TRAINING: &str = "run_training";
/// How long a new layout is valid: ten years.
pub const LAYOUT_VALIDITY: Duration = Duration::days(3652);

/// What `ingest` links record as the command, and the layout expects.
pub fn ingest_command() -> Vec<String> {
    ["assay-api", "ingest"].map(str::to_owned).into()
}

/// What `run_training` links record as the command, and the layout expects.
pub fn training_command() -> Vec<String> {
    ["assay-trainer", "train"].map(str::to_owned).into()
}

/// The layout of every job, for the owner to sign.
///
/// `ingest` makes the inputs from nothing, and each of them must be a material of the training; `run_training` reads
/// these and nothing else, and writes new files under the names of [`OUTPUT_NAMES`] and nothing else. Every list of
/// rules ends in `DISALLOW *`, so that what no rule accounts for is refused.
pub fn platform_layout(functionaries: &[Functionary], expires: OffsetDateTime) -> Layout {
    let keys_of = |step: &str| {
        functionaries
            .iter()
            .filter(|one| one.steps.iter().any(|name| name == step))
            .map(|one| one.key.keyid())
            .collect()
    };
    let nothing_else = || Rule::Disallow("*".into());
    let mut ingest = Step::new(INGEST, keys_of(INGEST), ingest_command());
    ingest.expected_materials = vec![nothing_else()];
    ingest.expected_products = vec![
        Rule::matching("*", Artifact::Materials, RUN_TRAINING),
        nothing_else(),
    ];
    let mut training = Step::new(RUN_TRAINING, keys_of(RUN_TRAINING), training_command());
    training.expected_materials = vec![
        Rule::matching("*/inputs/*", Artifact::Products, INGEST),
        nothing_else(),
    ];
    training.expected_products = OUTPUT_NAMES
        .iter()
        .map(|name| Rule::Create(format!("*/outputs/{name}")))
        .collect();
    training.expected_products.push(nothing_else());
    let readme = "A job's files are taken in (ingest), then a model is trained from exactly these files (run_training).";
    Layout::new(
        readme,
        expires,
        functionaries.iter().map(|one| one.key.clone()),
        vec![ingest, training],
    )
}
