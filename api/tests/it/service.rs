//! The service as a whole: what it says of itself, what it refuses, how it bears many clients.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Bench, LONG};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem() {
    let bench = Bench::new().await;
    assert_eq!(
        bench.get("/nothing").await.problem(404).0,
        "route.not_found"
    );
    // No list of everybody's tasks, no prefixes of old.
    for path in [
        "/celery_utils/tasks",
        "/developer/job_status/x",
        "/docs/../Cargo.toml",
        "/docs/x.map",
    ] {
        bench.get(path).await.problem(404);
    }
    for (method, path, allowed) in [
        ("POST", "/jobs", "GET, HEAD"),
        ("PUT", "/jobs/x", "GET, HEAD, DELETE"),
        ("GET", "/submit_job_by_model_and_data", "POST"),
        ("DELETE", "/health", "GET, HEAD"),
    ] {
        let answer = bench.ask(method, path, &[]).await;
        assert_eq!(answer.problem(405).0, "route.method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_refused() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let foreign = [("Origin", "http://evil.example")];
    let answer = bench.ask("DELETE", &format!("/jobs/{id}"), &foreign).await;
    assert_eq!(answer.problem(403).0, "request.cross_origin");
    let job = bench.get(&format!("/jobs/{id}")).await.json(200);
    assert_eq!(job["status"], "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_of_itself() {
    let bench = Bench::new().await;
    let health = bench.get("/health").await.json(200);
    assert_eq!(health["status"], "ok", "{health}");
    assert!(health["parts"]["isolation"]["held"].is_array(), "{health}");
    let trust = bench.get("/trust").await;
    let read = assay_attest::Trust::from_json(&trust.body).unwrap();
    assert_eq!(&read, bench.platform.keys.trust());
    assert!(!trust.text().contains("PRIVATE"));
    bench.submit().await;
    let metrics = bench.get("/metrics").await.text();
    for name in [
        "assay_jobs_submitted_total",
        "assay_http_requests_total{status=\"2xx\"}",
        "assay_jobs{status=\"queued\"} 1",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert_eq!(
        bench.get("/openapi.json").await.json(200)["openapi"],
        "3.1.0"
    );
    assert_eq!(bench.get("/docs").await.header("location"), Some("/docs/"));
    let page = bench.get("/docs/").await;
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .starts_with("default-src 'none'")
    );
    assert!(page.text().contains("swagger-ui-bundle.js"));
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_14_sixteen_connections_are_answered_and_fresh() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let path = format!("/job_status/{id}");
    let clients: Vec<_> = (0..16)
        .map(|_| {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let address = bench.address;
            tokio::spawn(async move {
                let mut socket = TcpStream::connect(address).await.unwrap();
                let mut buffer = vec![0; 4096];
                for _ in 0..200 {
                    socket.write_all(request.as_bytes()).await.unwrap();
                    let count = socket.read(&mut buffer).await.unwrap();
                    assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
                }
            })
        })
        .collect();
    for client in clients {
        tokio::time::timeout(LONG, client).await.unwrap().unwrap();
    }
    bench.complete(id).await;
    assert_eq!(bench.get(&path).await.json(200)["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_handed_in_together_are_all_taken() {
    let bench = Bench::new().await;
    let answers = futures_util::future::join_all((0..8).map(|_| bench.submit())).await;
    let mut ids: Vec<_> = answers.iter().map(|(id, _)| *id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    assert_eq!(bench.kept().await.1, 8);
}
