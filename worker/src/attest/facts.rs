use assay_attest::{
    Digest,
    aibom::{
        ArtifactFacts, DataFacts, EnvironmentFact, Facts, IsolationFact, LayerFacts, LinkRef,
        ModelFacts, Producer, ResumedFrom, Times, TrainerFacts,
    },
};
use assay_platform::{job::Artifact, sandbox::Isolation};
use assay_protocol::{DataSummary, ModelSummary, Task};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Evidence;
use crate::{environment::Measured, image::Image};

/// Everything that the AIBoM of a run says. Model and data are as the trainer read them; the rest is what the worker measured itself.
pub(super) fn facts(
    evidence: Evidence<'_>,
    link_name: &str,
    link: Digest,
    model_signature: Digest,
) -> Facts {
    let Evidence {
        claim,
        staged,
        trained,
        ..
    } = evidence;
    let job = &claim.job;
    let image = evidence.circumstances.image.as_ref();
    Facts {
        job_id: job.id.to_string(),
        unique_dir: job.unique_dir.to_string(),
        serial_number: Uuid::new_v4(),
        producer: Producer {
            name: "Assay".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        times: Times {
            queued: job.times.submitted_at,
            started: trained.started_at,
            finished: trained.finished_at,
            documented: OffsetDateTime::now_utc(),
        },
        request: staged.request_json.clone(),
        artifacts: staged
            .materials
            .iter()
            .chain(evidence.outputs)
            .filter_map(artifact)
            .collect(),
        model: model(&trained.started.model),
        data: data(&trained.started.data),
        metrics: trained.done.metrics.clone(),
        trainer: trainer(evidence),
        environment: environment(evidence),
        energy: evidence.reading.energy(),
        resumed_from: evidence.resumed.map(|from| ResumedFrom {
            epoch: from.epoch,
            sha256: from.digest,
            attempt: from.attempt,
            worker_keyid: from.worker_keyid.clone(),
        }),
        isolation: isolation(&trained.finished.isolation),
        image: image.map(Image::facts),
        sbom: staged.sbom.clone(),
        scan_link: image.and_then(Image::link_fact),
        model_signature: Some(model_signature),
        ingest_link: LinkRef {
            file_name: staged.ingest.name().to_owned(),
            sha256: staged.ingest.digest,
        },
        training_link: LinkRef {
            file_name: link_name.to_owned(),
            sha256: link,
        },
    }
}

/// `None` for what is not an input or output; neither list holds any.
fn artifact(artifact: &Artifact) -> Option<ArtifactFacts> {
    Some(ArtifactFacts {
        role: artifact.role.kind()?,
        path: artifact.path.clone(),
        sha256: artifact.digest,
        bytes: artifact.bytes,
    })
}

fn model(model: &ModelSummary) -> ModelFacts {
    ModelFacts {
        name: model.name.clone(),
        class: model.class.clone(),
        keras_version: model.keras_version.clone(),
        input_shape: shape(&model.input_shape),
        output_shape: shape(&model.output_shape),
        layers: model
            .layers
            .iter()
            .map(|layer| LayerFacts {
                name: layer.name.clone(),
                class: layer.class.clone(),
                output_shape: shape(&layer.output_shape),
                parameters: layer.parameters,
            })
            .collect(),
        trainable_parameters: model.trainable_parameters,
        non_trainable_parameters: model.non_trainable_parameters,
        optimizer: model.optimizer.clone(),
        loss: model.loss.clone(),
        metrics: model.metrics.clone(),
        task: match model.task {
            Task::BinaryClassification => "binary-classification",
            Task::MulticlassClassification => "multiclass-classification",
            Task::Regression => "regression",
        }
        .to_owned(),
    }
}

fn data(data: &DataSummary) -> DataFacts {
    DataFacts {
        kind: data.kind.clone(),
        rows: data.rows,
        training_rows: data.training_rows,
        validation_rows: data.validation_rows,
        input_shape: shape(&data.input_shape),
        features: data.features.clone(),
        label: data.label.clone(),
        classes: data.classes.clone(),
        preprocessing: data.preprocessing.clone(),
    }
}

fn shape(shape: &[usize]) -> Vec<u64> {
    shape.iter().map(|&size| size as u64).collect()
}

fn trainer(evidence: Evidence<'_>) -> TrainerFacts {
    let trainer = &evidence.trained.started.trainer;
    TrainerFacts {
        name: trainer.name.clone(),
        version: trainer.version.clone(),
        candle: trainer.candle.clone(),
        arithmetic: trainer.arithmetic.clone(),
        threads: trainer.threads,
        sha256: evidence.circumstances.program.to_fact(),
    }
}

/// The machine, then the run on it.
fn environment(evidence: Evidence<'_>) -> Vec<EnvironmentFact> {
    let fact = |name: &str, value: &Measured| EnvironmentFact {
        name: name.to_owned(),
        value: value.to_fact(),
    };
    let counters = evidence.reading.facts();
    let machine = &evidence.circumstances.machine;
    let mut all: Vec<_> = machine
        .iter()
        .chain(&counters)
        .map(|(name, value)| fact(name, value))
        .collect();
    let seconds = evidence.trained.done.training_seconds;
    all.extend([
        fact("worker", &Measured::Text(evidence.worker.to_owned())),
        fact("attempt", &Measured::Number(evidence.claim.attempt.into())),
        fact(
            "sandbox",
            &Measured::Text(evidence.trained.finished.isolation.sandbox.clone()),
        ),
    ]);
    if let Some(container) = &evidence.trained.finished.isolation.container {
        let text = |text: &str| Measured::Text(text.to_owned());
        all.extend([
            fact("container-id", &text(&container.id)),
            fact("container-engine", &text(&container.engine)),
            fact("image", &text(&container.image)),
            fact("image-digest", &text(&container.image_digest)),
        ]);
        let repository = container.repository_digest.as_deref();
        all.extend(repository.map(|digest| fact("image-repository-digest", &text(digest))));
    }
    all.extend([
        fact("training-seconds", &Measured::Text(format!("{seconds:.3}"))),
        fact(
            "peak-memory-bytes",
            &match evidence.trained.finished.usage.max_rss_bytes {
                Some(bytes) => Measured::Number(bytes),
                None => Measured::Unknown("the run was too short for it to be seen".to_owned()),
            },
        ),
    ]);
    all
}
fn isolation(isolation: &Isolation) -> Vec<IsolationFact> {
    let held = isolation.held.iter().map(|held| IsolationFact {
        mechanism: held.mechanism.to_string(),
        held: true,
        detail: Some(held.detail.clone()),
    });
    let missing = isolation.missing.iter().map(|missing| IsolationFact {
        mechanism: missing.mechanism.to_string(),
        held: false,
        detail: Some(missing.reason.clone()),
    });
    held.chain(missing).collect()
}
