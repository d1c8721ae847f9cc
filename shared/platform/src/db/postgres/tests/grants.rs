//! What the roles of a deployment may do, with exactly the rights that are handed out with it.

use assay_attest::Digest;
use assay_protocol::Fault;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use time::OffsetDateTime;

use super::{
    contract::{self, LEASE, artifact, claimed, completion, epoch_event, new_job},
    support::{Server, open},
};
use crate::{
    checkpoint::Checkpoint,
    db::{Cancelled, Db, Lease},
    ids::JobId,
    job::{Failure, Role, Status, Timings},
    scan::ImageSeen,
    worker::WorkerRow,
};
use std::time::Duration;

/// What `deploy/postgres` runs on the tables.
const GRANTS: &str = include_str!("../../../../../../deploy/postgres/grants.sql");

/// A server's database with the roles of a deployment. Roles are the whole server's, so these have names of their own.
struct Deployment {
    server: Server,
    mark: String,
}

impl Deployment {
    async fn new() -> Self {
        let server = Server::new().await;
        server.open().await.close().await;
        let mark = format!("assay_{}", uuid::Uuid::new_v4().simple());
        for role in ["api", "worker", "scanner"] {
            server
                .ask(&format!("CREATE ROLE {mark}_{role} LOGIN"))
                .await;
        }
        let grants = GRANTS.replace("assay_", &format!("{mark}_"));
        server.ask_here(&grants).await;
        Self { server, mark }
    }

    fn url(&self, role: &str) -> String {
        let address = self.server.address();
        let url = self.server.url();
        let database = url.rsplit('/').next().unwrap();
        format!("postgres://{}_{role}@{address}/{database}", self.mark)
    }

    async fn open(&self, role: &str) -> Db {
        open(self.url(role)).await
    }

    /// Whether the server refuses this statement for want of a right.
    async fn refuses(&self, role: &str, statement: &str) -> bool {
        let mut connection = PgConnection::connect(&self.url(role)).await.unwrap();
        let answer = connection
            .execute(AssertSqlSafe(statement.to_owned()))
            .await;
        connection.close().await.unwrap();
        let code = |error: sqlx::Error| {
            error
                .as_database_error()
                .and_then(|error| error.code().map(|code| code == "42501"))
        };
        answer.err().and_then(code).unwrap_or(false)
    }

    async fn remove(self, open: impl IntoIterator<Item = Db>) {
        for db in open {
            db.close().await;
        }
        for role in ["api", "worker", "scanner"] {
            let role = format!("{}_{role}", self.mark);
            self.server.ask_here(&format!("DROP OWNED BY {role}")).await;
            self.server.ask(&format!("DROP ROLE {role}")).await;
        }
        self.server.drop_database().await;
    }
}

/// A job that the API takes in and the worker claims.
async fn running(api: &Db, worker: &Db) -> JobId {
    let job = new_job("granted");
    api.insert_job(&job).await.unwrap();
    let claim = worker.claim(job.id, "w", LEASE).await.unwrap();
    claim.unwrap().job.id
}

fn seen(image: Digest) -> ImageSeen {
    ImageSeen::of("trainer:1", image, None)
}

fn failure() -> Failure {
    Failure {
        fault: Fault::dataset("dataset.empty", "the file has no rows"),
        detail: None,
    }
}

fn row(running: Vec<JobId>) -> WorkerRow {
    WorkerRow {
        name: "w".to_owned(),
        class: crate::job::Class::Cpu,
        slots: 1,
        running,
        version: "0.1.0".to_owned(),
        image: None,
        image_digest: None,
    }
}

/// Every call that runs a job to one of its ends.
async fn run_jobs(api: &Db, worker: &Db) {
    let id = running(api, worker).await;
    let job = contract::job_of(worker, id).await;
    worker.worker_seen(&row(vec![id])).await.unwrap();
    assert_eq!(worker.heartbeat(id, 1, LEASE).await.unwrap(), Lease::Held);
    worker.log(id, 1, &[epoch_event(1)]).await.unwrap();
    for epoch in [1, 2] {
        let checkpoint = Checkpoint {
            job: id,
            attempt: 1,
            epoch,
            digest: Digest::of(&epoch.to_le_bytes()),
            bytes: 7,
            worker_keyid: "0a".repeat(32),
            signature: "c2lnbmVk".to_owned(),
        };
        assert!(worker.save_checkpoint(&checkpoint).await.unwrap());
    }
    let done = completion(job.unique_dir);
    assert!(worker.complete(id, 1, &done).await.unwrap());

    let id = running(api, worker).await;
    let dir = contract::job_of(worker, id).await.unique_dir;
    let logs = [artifact(dir, "outputs/logs.txt", Role::Output)];
    let timings = Timings::default();
    let failed = worker.fail(id, 1, &failure(), &logs, &timings).await;
    assert!(failed.unwrap());

    let id = running(api, worker).await;
    assert_eq!(api.cancel(id).await.unwrap(), Cancelled::Requested);
    assert!(worker.cancelled(id, 1).await.unwrap());
    worker.worker_gone("w").await.unwrap();
}

/// A job that is trained again by another worker.
async fn reproduced(api: &Db, worker: &Db) {
    let (of, key) = contract::completed(api).await;
    let new = contract::reproduction(of, key);
    let made = api.reproduce(&new).await.unwrap().unwrap();
    assert!(made.new);
    let left = worker.leave_to_others(new.id, key, "for others", LEASE);
    assert!(left.await.unwrap());
    worker.claim(new.id, "w", LEASE).await.unwrap().unwrap();
    let done = contract::witnessed(new.unique_dir);
    assert!(worker.complete(new.id, 1, &done).await.unwrap());
    assert_eq!(worker.reproductions(of).await.unwrap().len(), 1);
}

/// Every call that puts a job back, and the upkeep that a worker does.
async fn put_back(api: &Db, worker: &Db) {
    let id = running(api, worker).await;
    assert!(worker.release(id, 1).await.unwrap());
    worker.claim(id, "w", LEASE).await.unwrap().unwrap();
    let back = worker.put_back(id, 2, "away", 9, Duration::ZERO).await;
    assert_eq!(back.unwrap(), Some(Status::Queued));
    worker
        .claim(id, "w", Duration::ZERO)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(worker.expire_leases(9).await.unwrap(), [id]);
    worker.claim(id, "w", LEASE).await.unwrap().unwrap();
    assert_eq!(worker.recover_worker("w", 9).await.unwrap(), [id]);
    assert!(worker.ring_again(id).await.unwrap());
    let bells = worker.doorbells(9, LEASE).await.unwrap();
    assert_eq!(bells.len(), 1);
    worker.rung(&bells, LEASE).await.unwrap();
    worker.check_writing().await.unwrap();
    let gone = Digest::of(b"gone");
    assert!(worker.begin_collect(gone, LEASE).await.unwrap());
    worker.collected(gone).await.unwrap();
    assert!(worker.revive(gone).await.unwrap());
    for _ in 0..2 {
        worker.note_refused(gone, LEASE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_can_do_its_work() {
    let deployment = Deployment::new().await;
    let (api, worker) = (
        deployment.open("api").await,
        deployment.open("worker").await,
    );
    let scanner = deployment.open("scanner").await;
    run_jobs(&api, &worker).await;
    put_back(&api, &worker).await;
    reproduced(&api, &worker).await;

    // Whoever can take a doorbell away must not be able to lose the job.
    let lost = new_job("lost");
    api.insert_job(&lost).await.unwrap();
    let mut later = new_job("waits");
    later.class = crate::job::Class::Gpu;
    api.insert_job(&later).await.unwrap();
    worker.claim(later.id, "w", LEASE).await.unwrap().unwrap();
    assert!(worker.hold(later.id, 1, "x", LEASE).await.unwrap());
    let ring = worker.doorbells(9, LEASE).await.unwrap();
    assert_eq!(ring.len(), 1);
    deployment.server.ask_here("DELETE FROM outbox").await;
    assert_eq!(worker.restore_doorbells(9).await.unwrap(), 3);
    assert_eq!(worker.restore_doorbells(9).await.unwrap(), 0);
    let again = worker.doorbells(9, LEASE).await.unwrap();
    assert!(again.iter().any(|bell| bell.job == lost.id));
    // One that may not run yet rings when it may.
    assert!(again.iter().all(|bell| bell.job != later.id));

    let image = Digest::of(b"image");
    let id = running(&api, &worker).await;
    assert!(worker.note_image(id, 1, &seen(image)).await.unwrap());
    assert!(worker.hold(id, 1, "not scanned", LEASE).await.unwrap());
    let known = seen(image);
    let held = worker.still_held(id, &known, "not scanned", LEASE);
    assert!(held.await.unwrap());
    let mut scan = contract::scan(image, OffsetDateTime::now_utc());
    scan.link = Some(Digest::of(b"link"));
    scanner.record_scan(&scan).await.unwrap();
    assert_eq!(scanner.release_holds(image).await.unwrap(), 1);
    worker.claim(id, "w", LEASE).await.unwrap().unwrap();
    deployment.remove([api, worker, scanner]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_role_can_change_what_a_job_was_to_be() {
    let deployment = Deployment::new().await;
    let api = deployment.open("api").await;
    claimed(&api, "w").await;
    for role in ["worker", "scanner"] {
        for column in [
            "id = id",
            "unique_dir = gen_random_uuid()::text",
            "request = request",
            "model_name = 'x'",
            "class = 'gpu'",
            "priority = 'high'",
            "submitted_at = 0",
            "traceparent = NULL",
            "reproduces = NULL",
            "other_than = NULL",
            "cancel_requested = 1",
        ] {
            let statement = format!("UPDATE jobs SET {column}");
            assert!(
                deployment.refuses(role, &statement).await,
                "{role}: {column}"
            );
        }
        for statement in [
            "DELETE FROM jobs",
            "UPDATE job_counts SET queued = 9223372036854775807",
            "DELETE FROM artifacts",
            "UPDATE artifacts SET job_id = job_id",
            "UPDATE objects SET bytes = 1",
            "DELETE FROM events",
            "UPDATE events SET event = event",
            "DELETE FROM scans",
            "UPDATE scans SET outcome = 'clean'",
        ] {
            assert!(
                deployment.refuses(role, statement).await,
                "{role}: {statement}"
            );
        }
    }
    let ended = "UPDATE jobs SET status = 'completed', lost = 9";
    assert!(deployment.refuses("scanner", ended).await);
    deployment.remove([api]).await;
}

/// The owner himself writes no row that cannot be read.
#[tokio::test]
async fn numbers_out_of_range_are_not_written() {
    let server = Server::new().await;
    let db = server.open().await;
    claimed(&db, "w").await;
    let mut owner = PgConnection::connect(&server.url()).await.unwrap();
    for change in contract::SPOILING {
        let error = owner.execute(*change).await.unwrap_err();
        assert!(error.to_string().contains("_numbers"), "{change}: {error}");
    }
    owner.close().await.unwrap();
    server.remove(db).await;
}
