//! What every database must do. Each function gets an empty one.

mod endings;
mod leases;
mod objects;
mod outbox;
mod reading;
mod reproductions;
mod waiting;

use std::time::Duration;

use assay_attest::Digest;
use assay_protocol::{
    AibomVersion, EpochReport, Event, Framework, JobRequest, Metadata, Parameters,
};
use time::OffsetDateTime;

use crate::{
    db::Db,
    ids::{JobId, UniqueDir},
    job::{Artifact, Claim, Class, Completion, Job, JobEvent, NewJob, Priority, Role, Timings},
};

pub(crate) use endings::*;
pub(crate) use leases::*;
pub(crate) use objects::*;
pub(crate) use outbox::*;
pub(crate) use reading::*;
pub(crate) use reproductions::*;
pub(crate) use waiting::*;

/// Gives the names of all of them to a macro that makes a test of each.
macro_rules! all {
    ($run:ident) => {
        $run! {
            a_job_is_read_as_it_was_written
            a_refused_job_leaves_nothing
            one_of_two_claimers_wins
            a_job_of_another_class_is_not_claimed
            a_hundred_claims_of_fifty_jobs
            a_claim_without_an_answer_is_found_by_who_made_it
            a_stale_attempt_can_do_nothing
            completing_and_cancelling_race
            a_completed_job_shows_its_outputs_in_order
            a_failed_job_keeps_its_reason_and_logs
            cancelling
            released_jobs_are_queued_and_ring
            leases_expire
            many_leases_expire_once_each
            heartbeats_and_expiry_race
            a_worker_that_starts_anew_recovers_its_jobs
            only_attempts_that_broke_use_up_a_job
            a_job_that_the_platform_failed_waits
            a_held_job_says_why_and_runs_when_the_hold_is_released
            a_held_job_is_held_further_without_an_attempt
            lists_are_filtered_and_paged
            events_are_in_order_and_belong_to_the_holder
            doorbells_ring_until_they_are_heard
            an_old_doorbell_is_not_taken_for_the_new_one
            a_doorbell_rings_again_when_asked_to
            several_relays_share_the_doorbells
            news_of_every_write
            objects_are_named_once
            workers_are_known_and_can_be_drained
            only_the_newest_checkpoint_of_the_holder_is_kept
            the_newest_scan_is_the_last_that_was_written
            it_is_known_when_a_scan_last_succeeded
            what_is_being_removed_cannot_be_named
            naming_and_removing_race
            a_reproduction_is_for_another_key_and_one_at_a_time
            a_doorbell_that_is_for_others_rings_for_them
        }
    };
}
pub(crate) use all;

/// Statements that no database takes when a job runs: they would leave rows that cannot be read.
pub(crate) const SPOILING: &[&str] = &[
    "UPDATE jobs SET lost = -1",
    "UPDATE jobs SET attempt = 9223372036854775807",
    "UPDATE jobs SET attempt = -1",
    "UPDATE jobs SET cancel_requested = 2",
    "UPDATE jobs SET resumed_from = 4294967296",
    "UPDATE jobs SET lease_until = -1",
    "UPDATE jobs SET not_before = 253402300800000",
    "UPDATE jobs SET started_at = -1",
    "INSERT INTO outbox (job_id, class, priority, ring_at, pause) SELECT id, 'cpu', 'low', 0, 9223372036854775807 FROM jobs",
    "INSERT INTO collected (digest, at) VALUES ('', 9223372036854775807)",
    "UPDATE objects SET bytes = -1",
    "UPDATE artifacts SET position = -1",
    "UPDATE events SET at = 9223372036854775807",
    "INSERT INTO outbox (job_id, class, priority, ring_at) SELECT id, 'tpu', 'normal', 0 FROM jobs",
    "INSERT INTO outbox (job_id, class, priority, ring_at) SELECT id, 'cpu', 'first', 0 FROM jobs",
    "INSERT INTO workers (name, class, slots, running, version, seen_at) VALUES ('w', 'cpu', -1, '[]', '1', 0)",
    "INSERT INTO checkpoints (job_id, attempt, epoch, digest, bytes, worker_keyid, signature) SELECT id, 1, 1, '', -1, '', '' FROM jobs",
    "INSERT INTO scans (id, image_digest, scanned_at, outcome, scan) VALUES ('', '', 253402300800000, 'clean', '')",
    "INSERT INTO image_scans (job_id, attempt, seen) SELECT id, -1, '' FROM jobs",
];

pub(crate) const LEASE: Duration = Duration::from_secs(60);

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
            aibom: AibomVersion::default(),
        },
        class: Class::Cpu,
        priority: Priority::Normal,
        traceparent: None,
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
        weights_sha256: None,
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

pub(crate) async fn job_of(db: &Db, id: JobId) -> Job {
    db.job(id).await.unwrap().unwrap()
}

/// Lets the lease of an attempt run out.
async fn run_out(db: &Db, id: JobId, attempt: u32) {
    let lease = db.heartbeat(id, attempt, Duration::ZERO).await.unwrap();
    assert_ne!(lease, crate::db::Lease::Lost);
}

/// The jobs whose doorbells have to ring now. They stay so.
async fn bells(db: &Db) -> Vec<JobId> {
    let bells = db.doorbells(99, Duration::ZERO).await.unwrap();
    bells.into_iter().map(|bell| bell.job).collect()
}

/// Calls made in this way are not run to their end one after the other.
pub(crate) async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let ended = futures_util::future::join_all(tasks).await;
    ended.into_iter().map(Result::unwrap).collect()
}
