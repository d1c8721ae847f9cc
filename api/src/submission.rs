use std::collections::BTreeSet;

use assay_attest::aibom::{MAX_SBOM_BYTES, read_sbom};
use assay_platform::{
    Platform,
    job::{Priority, Role},
    store::{StoreError, Stored},
    telemetry::metrics::UPLOAD_BYTES,
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};

use crate::{
    file_name::check_file_name,
    form::{Form, Part, missing, over_limit},
    problem::Problem,
    staged::Staged,
    text_value::check_text,
};

/// The fields that a job must have.
const REQUIRED: [&str; 4] = ["model", "dataset", "dataset_definition", "framework"];
/// An SBOM of the submitter's own.
const SBOM: &str = "sbom";
/// Where the job stands in line.
const PRIORITY: &str = "priority";
/// Bytes of a text field at most.
const TEXT_BYTES: usize = 64 << 10;
/// Bytes of the data set definition at most.
const DEFINITION_BYTES: u64 = 1 << 20;

/// A job's form as it was handed in, its files stored.
#[derive(Debug)]
pub(crate) struct Submission {
    /// Model, data set and definition.
    pub(crate) files: Vec<InputFile>,
    /// Where the job stands in line. It changes nothing about the training, so it is no part of the request.
    pub(crate) priority: Priority,
    /// Everything else.
    pub(crate) request: JobRequest,
}

/// A file that was handed in.
#[derive(Debug)]
pub(crate) struct InputFile {
    pub(crate) role: Role,
    /// Checked by [`check_file_name`].
    pub(crate) name: String,
    pub(crate) stored: Stored,
}

/// Reads the form of a job, its parts in any order, each file streamed into the store. What was stored is in `staged`,
/// also when the form is refused.
pub(crate) async fn read_submission(
    form: &mut Form,
    platform: &Platform,
    staged: &mut Staged,
) -> Result<Submission, Problem> {
    let mut seen = BTreeSet::new();
    let mut files = Vec::with_capacity(3);
    let mut framework = None;
    let mut priority = Priority::default();
    let mut aibom = AibomVersion::default();
    let mut metadata = Metadata::default();
    let mut parameters = Parameters::default();
    while let Some(part) = form.next().await? {
        if !is_known(&part.name) {
            return Err(part.unknown(&expected()));
        }
        if !seen.insert(part.name.clone()) {
            return Err(part.repeated());
        }
        if let Some(role) = file_role(&part.name) {
            files.push(store_file(part, role, platform, staged).await?);
            continue;
        }
        let name = part.name.clone();
        let value = part.text(TEXT_BYTES).await?;
        if Metadata::FIELDS.contains(&name.as_str()) {
            check_text(&name, &value)?;
        }
        if name == "framework" {
            framework = Some(Framework::parse(&value)?);
        } else if name == PRIORITY {
            priority = self::priority(&value)?;
        } else if name == AibomVersion::FIELD {
            aibom = AibomVersion::parse(&value)?;
        } else if !metadata.set(&name, &value)? {
            parameters.set(&name, &value)?;
        }
    }
    let absent: Vec<_> = REQUIRED
        .into_iter()
        .filter(|name| !seen.contains(*name))
        .collect();
    let Some(framework) = framework.filter(|_| absent.is_empty()) else {
        return Err(missing(&absent));
    };
    parameters.validate()?;
    let request = JobRequest {
        framework,
        metadata,
        parameters,
        aibom,
    };
    Ok(Submission {
        files,
        priority,
        request,
    })
}

fn priority(text: &str) -> Result<Priority, Problem> {
    Priority::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        let detail = format!("priority {shown:?} is not known; use low, normal or high");
        Problem::unprocessable("parameters.priority", detail).field(PRIORITY)
    })
}

fn file_role(field: &str) -> Option<Role> {
    match field {
        "model" => Some(Role::Model),
        "dataset" => Some(Role::Dataset),
        "dataset_definition" => Some(Role::DatasetDefinition),
        SBOM => Some(Role::Sbom),
        _ => None,
    }
}

fn is_known(field: &str) -> bool {
    REQUIRED.contains(&field)
        || field == SBOM
        || field == PRIORITY
        || field == AibomVersion::FIELD
        || Metadata::FIELDS.contains(&field)
        || Parameters::FIELDS.contains(&field)
}

fn expected() -> String {
    let all: Vec<&str> = [
        &REQUIRED[..],
        &[SBOM, PRIORITY, AibomVersion::FIELD],
        &Metadata::FIELDS,
        &Parameters::FIELDS,
    ]
    .concat();
    all.join(", ")
}

async fn store_file(
    mut part: Part<'_>,
    role: Role,
    platform: &Platform,
    staged: &mut Staged,
) -> Result<InputFile, Problem> {
    let name = check_file_name(&part.name, part.file_name.as_deref())?;
    let most = platform.config.upload_limit_bytes;
    let limit = match role {
        Role::DatasetDefinition => most.min(DEFINITION_BYTES),
        Role::Sbom => most.min(MAX_SBOM_BYTES as u64),
        _ => most,
    };
    let mut upload = platform.store.upload(limit).await?;
    while let Some(chunk) = part.chunk().await? {
        upload.write(chunk).await.map_err(|error| match error {
            StoreError::TooLarge { limit } => over_limit(&part.name, limit),
            other => other.into(),
        })?;
    }
    let stored = staged.finish(upload).await?;
    metrics::counter!(UPLOAD_BYTES).increment(stored.bytes);
    if role == Role::Sbom {
        check_sbom(platform, stored).await?;
    }
    Ok(InputFile { role, name, stored })
}

/// Refuses at once what could not be taken into the AIBoM. It is JSON, read within limits, as a request is.
async fn check_sbom(platform: &Platform, stored: Stored) -> Result<(), Problem> {
    let bytes = platform
        .store
        .read(stored.digest, MAX_SBOM_BYTES as u64)
        .await?;
    let read = tokio::task::spawn_blocking(move || read_sbom(&bytes).map(drop))
        .await
        .map_err(|error| Problem::internal("service.task", error))?;
    read.map_err(|error| {
        Problem::unprocessable("upload.sbom", format!("sbom: {error}")).field(SBOM)
    })
}
