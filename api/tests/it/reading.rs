//! Status, artifacts, downloads, lists, cancelling.

use assay_attest::Digest;
use assay_platform::ids::JobId;
use serde_json::json;

use crate::support::{Bench, LONG};

const OUTPUTS: [&str; 5] = [
    "trained_model.keras",
    "metrics.json",
    "logs.txt",
    "aibom.json",
    "aibom.sig",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_status_is_told_as_it_is() {
    let bench = Bench::new().await;
    let status = async |id| bench.get(&format!("/job_status/{id}")).await.json(200);
    let (queued, _) = bench.submit().await;
    assert_eq!(status(queued).await["status"], "queued");

    let (completed, dir) = bench.submit().await;
    bench.complete(completed).await;
    let told = status(completed).await;
    let outputs = told["result"]["output_artifacts"].as_array().unwrap();
    for (position, name) in OUTPUTS.iter().enumerate() {
        assert_eq!(outputs[position], *name, "{outputs:?}");
    }
    assert_eq!(
        told,
        json!({
            "job_id": completed, "status": "completed",
            "result": {
                "training_status": "training job completed", "unique_dir": dir, "job_id": completed,
                "message": "Training completed successfully and AIBoM generated.", "output_artifacts": outputs
            }
        })
    );

    let (failed, _) = bench.submit().await;
    bench.fail(failed).await;
    let told = status(failed).await;
    assert_eq!(told["status"], "failed");
    assert_eq!(told["result"]["training_status"], "training job failed");
    assert_eq!(told["result"]["error"], "the loss is not a number");
    assert_eq!(told["result"]["code"], "dataset.diverged");

    for id in [JobId::new().to_string(), "no-such-job".into(), "%00".into()] {
        bench.get(&format!("/job_status/{id}")).await.problem(404);
        bench.get(&format!("/jobs/{id}")).await.problem(404);
        bench
            .get(&format!("/job_artifacts/{id}"))
            .await
            .problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_are_listed_linked_and_fetched() {
    let bench = Bench::new().await;
    let (id, dir) = bench.submit().await;
    bench.complete(id).await;
    let listed = bench.get(&format!("/job_artifacts/{id}")).await.json(200);
    assert_eq!(listed["job_id"], id.to_string());
    let paths = listed["artifacts"].as_array().unwrap();
    assert_eq!(paths.len(), 17);
    assert!(
        paths
            .iter()
            .all(|path| path.as_str().unwrap().starts_with(&dir))
    );

    let link = bench
        .get(&format!("/job_artifacts/{id}/metrics.json"))
        .await
        .json(200);
    assert_eq!(link.as_object().unwrap().len(), 2);
    assert_eq!(link["artifact_name"], "metrics.json");
    assert_eq!(
        bench.fetch(id, "metrics.json").await,
        format!("metrics.json of {id}").as_bytes()
    );
    assert_eq!(
        bench.fetch(id, "inputs/model/small.keras").await,
        b"the model"
    );

    let redirected = bench
        .get(&format!("/job_artifacts/{id}/metrics.json?redirect=true"))
        .await;
    assert_eq!(redirected.status, 307);
    let answer = bench.get(redirected.header("location").unwrap()).await;
    assert_eq!(answer.body, format!("metrics.json of {id}").as_bytes());
    bench
        .get(&format!("/job_artifacts/{id}/metrics.json?redirect=maybe"))
        .await
        .problem(400);
    bench
        .get(&format!("/job_artifacts/{id}/nothing"))
        .await
        .problem(404);

    // The whole job gives the same links, as `assay get` follows them.
    let whole = bench.get(&format!("/jobs/{id}")).await.json(200);
    for artifact in whole["artifacts"].as_array().unwrap() {
        let answer = bench.get(artifact["url"].as_str().unwrap()).await;
        assert_eq!(Digest::of(&answer.body).to_string(), artifact["sha256"]);
        assert_eq!(answer.body.len() as u64, artifact["bytes"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn downloads_need_a_link_of_ours_and_know_ranges() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let link = bench
        .get(&format!("/job_artifacts/{id}/small.keras?redirect=true"))
        .await;
    let url = link.header("location").unwrap().to_owned();
    let whole = bench.get(&url).await;
    assert_eq!(
        whole.header("content-disposition"),
        Some("attachment; filename=\"small.keras\"")
    );
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(
        whole.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(
        whole
            .header("repr-digest")
            .unwrap()
            .starts_with("sha-256=:")
    );
    let etag = whole.header("etag").unwrap().to_owned();
    assert_eq!(etag, format!("\"{}\"", Digest::of(b"the model")));

    let part = bench.ask("GET", &url, &[("Range", "bytes=4-6")]).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"mod"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 4-6/9"));
    let other = bench
        .ask(
            "GET",
            &url,
            &[("Range", "bytes=4-6"), ("If-Range", "\"x\"")],
        )
        .await;
    assert_eq!((other.status, other.body.len()), (200, 9));
    bench
        .ask("GET", &url, &[("Range", "bytes=9-")])
        .await
        .problem(416);
    let same = bench.ask("GET", &url, &[("If-None-Match", &etag)]).await;
    assert_eq!((same.status, same.body.len()), (304, 0));
    let head = bench.ask("HEAD", &url, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_not_ours_gives_nothing() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let link = bench
        .get(&format!("/job_artifacts/{id}/small.keras?redirect=true"))
        .await;
    let url = link.header("location").unwrap().to_owned();
    // Somebody else's digest, name, time or signature; none at all.
    let digest = Digest::of(b"the model").to_string();
    let layout = Digest::of(bench.platform.keys.layout()).to_string();
    for forged in [
        url.replace(&digest, &layout),
        url.replace("small.keras", "evil.html"),
        url.replace("expires=", "expires=9"),
        url.replace("signature=", "signature=0"),
        format!("/download/{digest}"),
    ] {
        bench.get(&forged).await.problem(403);
    }
    bench
        .get(&url.replace("expires", "extra=1&expires"))
        .await
        .problem(400);
    bench
        .get(&url.replace(&digest, "..%2f..%2fsecrets"))
        .await
        .problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_paged_and_strict() {
    let bench = Bench::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(bench.submit().await.0);
    }
    bench.complete(ids[0]).await;
    bench.fail(ids[1]).await;
    let list = async |query: &str| {
        let page = bench.get(&format!("/jobs{query}")).await.json(200);
        let jobs = page["jobs"].as_array().unwrap().iter();
        let listed = jobs.map(|job| job["job_id"].as_str().unwrap().parse().unwrap());
        (
            listed.collect::<Vec<JobId>>(),
            page["next"].as_str().map(str::to_owned),
        )
    };
    assert_eq!(list("").await, (vec![ids[2], ids[1], ids[0]], None));
    assert_eq!(
        list("?limit=2").await,
        (vec![ids[2], ids[1]], Some(ids[1].to_string()))
    );
    assert_eq!(
        list(&format!("?limit=2&before={}", ids[1])).await,
        (vec![ids[0]], None)
    );
    assert_eq!(
        list("?status=completed&status=failed").await.0,
        [ids[1], ids[0]]
    );
    assert_eq!(list("?status=completed,queued").await.0, [ids[2], ids[0]]);
    assert_eq!(list("?model_name=SMA").await.0.len(), 3);
    assert!(list("?model_name=%25").await.0.is_empty());
    for query in [
        "?colour=red",
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?status=done",
        "?before=x",
        "?limit=1&limit=2",
    ] {
        bench.get(&format!("/jobs{query}")).await.problem(400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_cancelled_once() {
    let bench = Bench::new().await;
    let (queued, _) = bench.submit().await;
    let cancel = async |id| bench.ask("DELETE", &format!("/jobs/{id}"), &[]).await;
    let told = cancel(queued).await.json(200);
    assert_eq!(
        told,
        json!({"job_id": queued, "status": "cancelled", "cancel_requested": false})
    );
    assert_eq!(cancel(queued).await.problem(409).0, "job.already_ended");
    let (running, _) = bench.submit().await;
    bench
        .platform
        .db
        .claim(running, "tester", LONG)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(cancel(running).await.json(202)["cancel_requested"], true);
    cancel(JobId::new()).await.problem(404);
}
