use time::{Duration, OffsetDateTime};

use crate::{
    Functionary, KeyId, OUTPUT_NAMES,
    intoto::{Artifact, Layout, Rule, Step},
};

/// The step in which the service takes in a job's files.
pub const INGEST: &str = "ingest";
/// The step in which a worker trains.
pub const RUN_TRAINING: &str = "run_training";
/// The step in which the scanner looks for known vulnerabilities in the image that trains.
pub const SCAN_IMAGE: &str = "scan_image";
/// The path under which links name an image: its configuration, whose SHA-256 is the image's id.
pub const IMAGE_PATH: &str = "image/config.json";
/// The paths under which `scan_image` names its reports: the scanner's own, and the same as CycloneDX.
pub const SCAN_REPORTS: [&str; 2] = ["scan/trivy.json", "scan/cyclonedx.json"];
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

/// What `scan_image` links record as the command, and the layout expects.
pub fn scan_command() -> Vec<String> {
    ["assay-scanner", "scan"].map(str::to_owned).into()
}

/// The layout of every job, for the owner to sign.
///
/// `ingest` makes the inputs from nothing, and each of them must be a material of the training; `run_training` reads
/// these and nothing else, and writes new files under the names of [`OUTPUT_NAMES`] and nothing else. Every list of
/// rules ends in `DISALLOW *`, so that what no rule accounts for is refused.
pub fn platform_layout(functionaries: &[Functionary], expires: OffsetDateTime) -> Layout {
    let readme = "A job's files are taken in (ingest), then a model is trained from exactly these files (run_training).";
    Layout::new(
        readme,
        expires,
        functionaries.iter().map(|one| one.key.clone()),
        vec![ingest(functionaries), training(functionaries)],
    )
}

/// The layout of jobs whose training must have run in a scanned image. in-toto knows no optional steps, so this is a
/// layout of its own.
///
/// As [`platform_layout`]; beside it `scan_image` reads an image and writes the two [`SCAN_REPORTS`], and the image
/// must be the very one that `run_training` names as a material.
pub fn platform_layout_with_scan(functionaries: &[Functionary], expires: OffsetDateTime) -> Layout {
    let mut training = training(functionaries);
    training.expected_materials.insert(
        0,
        Rule::matching(IMAGE_PATH, Artifact::Materials, SCAN_IMAGE),
    );
    let readme = "A job's files are taken in (ingest), the image that trains is scanned for known vulnerabilities \
                  (scan_image), then a model is trained in this image from exactly these files (run_training).";
    Layout::new(
        readme,
        expires,
        functionaries.iter().map(|one| one.key.clone()),
        vec![ingest(functionaries), scan(functionaries), training],
    )
}

fn keys_of(functionaries: &[Functionary], step: &str) -> Vec<KeyId> {
    functionaries
        .iter()
        .filter(|one| one.steps.iter().any(|name| name == step))
        .map(|one| one.key.keyid())
        .collect()
}

fn nothing_else() -> Rule {
    Rule::Disallow("*".into())
}

fn ingest(functionaries: &[Functionary]) -> Step {
    let mut ingest = Step::new(INGEST, keys_of(functionaries, INGEST), ingest_command());
    ingest.expected_materials = vec![nothing_else()];
    ingest.expected_products = vec![
        Rule::matching("*", Artifact::Materials, RUN_TRAINING),
        nothing_else(),
    ];
    ingest
}

fn training(functionaries: &[Functionary]) -> Step {
    let keys = keys_of(functionaries, RUN_TRAINING);
    let mut training = Step::new(RUN_TRAINING, keys, training_command());
    training.expected_materials = vec![
        Rule::matching("*/inputs/*", Artifact::Products, INGEST),
        nothing_else(),
    ];
    training.expected_products = OUTPUT_NAMES
        .iter()
        .map(|name| Rule::Create(format!("*/outputs/{name}")))
        .collect();
    training.expected_products.push(nothing_else());
    training
}

fn scan(functionaries: &[Functionary]) -> Step {
    let mut scan = Step::new(
        SCAN_IMAGE,
        keys_of(functionaries, SCAN_IMAGE),
        scan_command(),
    );
    // Without the first rule a scan of nothing, beside a training that names no image, would pass.
    scan.expected_materials = vec![
        Rule::Require(IMAGE_PATH.into()),
        Rule::matching(IMAGE_PATH, Artifact::Materials, RUN_TRAINING),
        nothing_else(),
    ];
    scan.expected_products = SCAN_REPORTS
        .iter()
        .map(|path| Rule::Require((*path).into()))
        .chain(SCAN_REPORTS.iter().map(|path| Rule::Create((*path).into())))
        .collect();
    scan.expected_products.push(nothing_else());
    scan
}
