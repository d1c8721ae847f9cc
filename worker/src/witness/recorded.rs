use assay_attest::{
    ArtifactPath, RUN_TRAINING, RecordedTranscript,
    intoto::{Layout, Link, Signed, check_signer},
    verify::link_job,
};
use assay_platform::{Platform, job::Role};
use serde_json::Value;

use crate::{
    layout::{MAX_METADATA_BYTES, changed, only},
    source::Source,
    stop::Stop,
};

/// What a completed job's proof says of its training.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The `run_training` link, its signature checked.
    pub(crate) link: Link,
    /// The id of the job that it is of.
    pub(crate) job: String,
    /// The weights' digests epoch by epoch.
    pub(super) transcript: RecordedTranscript,
    /// The class of arithmetic within which a run repeats byte for byte.
    pub(super) arithmetic: String,
    /// SHA-256 of the program that trained, if it could be measured.
    pub(super) program: Option<String>,
}

impl Recorded {
    /// Reads the proof of a job that is to be reproduced. Its layout has been verified; everything else is checked here,
    /// since rows of the database can be moved without any key.
    pub(crate) async fn read(
        platform: &Platform,
        source: &Source<'_>,
        layout: &Layout,
    ) -> Result<Self, Stop> {
        let artifact = only(&source.artifacts, Role::TrainingLink)?;
        let bytes = platform
            .store
            .read(artifact.digest, MAX_METADATA_BYTES)
            .await?;
        let unfit = |error: String| changed(format!("the run_training link: {error}"));
        let signed = Signed::<Link>::parse(&bytes).map_err(|error| unfit(error.to_string()))?;
        let link = check_signer(layout, &signed).map_err(|error| unfit(error.to_string()))?;
        check(link, source).map_err(unfit)?;
        if signed.keyid() == platform.keys.worker()?.keyid() {
            return Err(changed(
                "this worker's own key trained the job, so it cannot be a witness",
            ));
        }
        let trainer = |name: &str| link.environment.get("trainer")?.get(name)?.as_str();
        let transcript = RecordedTranscript::of(link).map_err(|error| unfit(error.to_string()))?;
        let (Some(transcript), Some(arithmetic)) = (transcript, trainer("arithmetic")) else {
            return Err(Stop::ours(
                "reproduction.no_transcript",
                "the proof has no transcript of the training, or no class of arithmetic, to compare with",
            ));
        };
        Ok(Self {
            transcript,
            arithmetic: arithmetic.to_owned(),
            program: trainer("program-sha256").map(str::to_owned),
            job: source.job.id.to_string(),
            link: link.clone(),
        })
    }
}

/// Whether a link is of this very job's training.
fn check(link: &Link, source: &Source<'_>) -> Result<(), String> {
    if link.name != RUN_TRAINING {
        return Err(format!("it is of the step {:?}", link.name));
    }
    let job = source.job.id.to_string();
    if link_job(link) != Some(&job) {
        let named = link.environment.get("job").unwrap_or(&Value::Null);
        return Err(format!("it is of {named}, not of the job {job}"));
    }
    let dir = source.job.unique_dir.to_string();
    let mut products = link.products.keys();
    let elsewhere = products
        .find(|path| !ArtifactPath::parse(path).is_ok_and(|parsed| parsed.unique_dir == dir));
    match elsewhere {
        Some(path) => Err(format!("{path} does not lie in the job's folder {dir}")),
        None => Ok(()),
    }
}
