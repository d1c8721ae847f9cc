//! Workers, the queue and priorities, as people and their tools see them.

use assay_platform::{job::Class, worker::WorkerRow};
use serde_json::json;

use crate::support::{Bench, Part, SUBMIT, good};

fn worker(name: &str) -> WorkerRow {
    WorkerRow {
        name: name.to_owned(),
        class: Class::Cpu,
        slots: 2,
        running: Vec::new(),
        version: "1.2.3".to_owned(),
        image: None,
        image_digest: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_listed_and_told_to_drain() {
    let bench = Bench::new().await;
    let db = &bench.platform.db;
    db.worker_seen(&worker("worker-1")).await.unwrap();
    let list = bench.get("/workers").await.json(200);
    let one = &list["workers"][0];
    assert_eq!(one["name"], "worker-1");
    assert_eq!(one["state"], "ready");
    assert_eq!((&one["class"], &one["slots"]), (&json!("cpu"), &json!(2)));

    let told = bench.post("/workers/worker-1/drain", &[]).await.json(200);
    assert_eq!(told, json!({"name": "worker-1", "draining": true}));
    assert!(db.worker_seen(&worker("worker-1")).await.unwrap());
    let list = bench.get("/workers").await.json(200);
    assert_eq!(list["workers"][0]["state"], "draining");
    bench.post("/workers/worker-1/undrain", &[]).await.json(200);
    assert!(!db.worker_seen(&worker("worker-1")).await.unwrap());

    let refused = bench.post("/workers/nobody/drain", &[]).await.json(404);
    assert_eq!(refused["code"], "worker.not_found");
    bench.get("/workers/worker-1/drain").await.json(405);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_shown_with_what_waits() {
    let bench = Bench::new().await;
    let mut parts = good();
    parts.push(Part::text("priority", "high"));
    let accepted = bench.post(SUBMIT, &parts).await.json(200);
    let id = accepted["job_id"].as_str().unwrap();
    let job = bench.get(&format!("/jobs/{id}")).await.json(200);
    assert_eq!(
        (&job["priority"], &job["class"]),
        (&json!("high"), &json!("cpu"))
    );
    assert!(job["held"].is_null() && job["not_before"].is_null());

    let queue = bench.get("/queue").await.json(200);
    assert_eq!(
        (&queue["kind"], &queue["state"]),
        (&json!("in_process"), &json!("ok"))
    );
    let waiting = queue["waiting"].as_array().unwrap();
    let high = waiting
        .iter()
        .find(|one| one["class"] == "cpu" && one["priority"] == "high")
        .unwrap();
    assert_eq!(high["waiting"], 1);
    let dead = bench.get("/queue/dead").await.json(200);
    assert_eq!(dead, json!({"letters": []}));
    let redriven = bench.post("/queue/redrive?drop=true", &[]).await.json(200);
    assert_eq!(redriven["kept"], 0);
    bench.post("/queue/redrive?drop=maybe", &[]).await.json(400);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_priority_that_nobody_knows_is_refused() {
    let bench = Bench::new().await;
    let mut parts = good();
    parts.push(Part::text("priority", "urgent"));
    let refused = bench.post(SUBMIT, &parts).await.json(422);
    assert_eq!(refused["field"], "priority");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("low, normal or high"), "{detail}");
    bench.stop().await;
}
