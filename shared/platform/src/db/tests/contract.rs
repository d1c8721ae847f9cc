//! What every database must do. Each function gets an empty one.

mod endings;
mod leases;
mod reading;

use std::time::Duration;

use assay_attest::Digest;
use assay_protocol::{EpochReport, Event, Framework, JobRequest, Metadata, Parameters};
use time::OffsetDateTime;

use crate::{
    db::Db,
    ids::{JobId, UniqueDir},
    job::{Artifact, Claim, Completion, JobEvent, NewJob, Role, Timings},
};

pub(crate) use endings::*;
pub(crate) use leases::*;
pub(crate) use reading::*;

const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn artifact(dir: UniqueDir, path: &str, role: Role) -> Artifact {
    Artifact {
        path: format!("{dir}/{path}"),
        role,
        digest: Digest::of(path.as_bytes()),
        bytes: path.len() as u64,
    }
}

/// A job as the API writes one.
pub(crate) fn new_job(name: &str) -> NewJob {
    let unique_dir = UniqueDir::new();
    NewJob {
        id: JobId::new(),
        unique_dir,
        request: JobRequest {
            framework: Framework::Candle,
            metadata: Metadata {
                model_name: Some(name.to_owned()),
                ..Metadata::default()
            },
            parameters: Parameters::default(),
        },
        submitted_at: OffsetDateTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        artifacts: vec![
            artifact(unique_dir, "inputs/model/m.keras", Role::Model),
            artifact(unique_dir, "inputs/dataset/d.csv", Role::Dataset),
            artifact(unique_dir, "ingest.0a.link", Role::IngestLink),
        ],
    }
}

pub(crate) fn epoch(number: u32) -> EpochReport {
    EpochReport {
        epoch: number,
        of: 5,
        metrics: [("loss".to_owned(), 0.25)].into(),
        seconds: 0.5,
    }
}

/// What the trainer says at the end of an epoch.
pub(crate) fn epoch_event(number: u32) -> JobEvent {
    JobEvent::Trainer {
        event: Event::Epoch(epoch(number)),
    }
}

pub(crate) fn completion(dir: UniqueDir) -> Completion {
    let output = |name: &str| artifact(dir, &format!("outputs/{name}"), Role::Output);
    Completion {
        artifacts: vec![
            artifact(dir, "aibom.sig", Role::AibomSignature),
            output("model.safetensors"),
            artifact(dir, "run_training.0b.link", Role::TrainingLink),
            output("logs.txt"),
            output("trained_model.keras"),
            artifact(dir, "aibom.json", Role::Aibom),
            output("metrics.json"),
        ],
        timings: Timings {
            fetch_ms: 1.0,
            train_ms: 2.0,
            proof_ms: 3.0,
        },
    }
}

/// A job that a worker holds.
pub(crate) async fn claimed(db: &Db, worker: &str) -> Claim {
    let job = new_job("claimed");
    db.insert_job(&job).await.unwrap();
    db.claim(job.id, worker, LEASE).await.unwrap().unwrap()
}
