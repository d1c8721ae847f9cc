//! Handing in jobs: what is accepted, what is refused, and that nothing of the refused stays.

use assay_attest::{
    Digest, INGEST,
    intoto::{Layout, Link, Signed, check_signer},
};
use assay_platform::job::{Role, Status};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{Bench, LONG, Part, SUBMIT, good, http};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_accepted_in_any_order_of_its_parts() {
    let bench = Bench::new().await;
    let mut parts = good();
    parts.reverse();
    let accepted = bench.post(SUBMIT, &parts).await.json(200);
    assert_eq!(accepted.as_object().unwrap().len(), 3);
    assert_eq!(accepted["status"], "Training started");
    let id = accepted["job_id"].as_str().unwrap().parse().unwrap();
    let job = bench.platform.db.job(id).await.unwrap().unwrap();
    assert_eq!(job.status, Status::Queued);
    assert_eq!(job.unique_dir.to_string(), accepted["unique_dir"]);
    assert_eq!(job.request.parameters.epochs, 2);
    assert_eq!(bench.platform.queue.next().await.unwrap().job, id);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ingest_link_names_what_was_handed_in() {
    let bench = Bench::new().await;
    let (id, dir) = bench.submit().await;
    let artifacts = bench.platform.db.artifacts(id).await.unwrap();
    let of = |role| artifacts.iter().find(|one| one.role == role).unwrap();
    let read = async |role| {
        bench
            .platform
            .store
            .read(of(role).digest, 1 << 20)
            .await
            .unwrap()
    };
    let layout = read(Role::Layout).await;
    let layout = Signed::<Layout>::parse(&layout).unwrap();
    let layout = layout.verify(&bench.platform.keys.trust().owner).unwrap();
    let link = Signed::<Link>::parse(&read(Role::IngestLink).await).unwrap();
    let link = check_signer(layout, &link).unwrap();
    assert_eq!(link.name, INGEST);
    assert!(link.materials.is_empty());
    assert_eq!(link.products.len(), 4);
    for (path, bytes) in [
        ("model/small.keras", &b"the model"[..]),
        ("dataset/small.csv", b"a,b\n1,2\n"),
        ("dataset_definition/small.yaml", b"type: csv\n"),
    ] {
        let path = format!("{dir}/inputs/{path}");
        assert_eq!(link.products[&path], Digest::of(bytes), "{path}");
    }
    let parameters = link.products[&format!("{dir}/inputs/parameters.json")];
    assert_eq!(parameters, of(Role::Parameters).digest);
    assert_eq!(of(Role::Layout).path, format!("{dir}/layout.json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_checker_refuses_leaves_nothing() {
    let bench = Bench::with(|config| config.sandbox.check_limits.wall_seconds = 1).await;
    let before = bench.kept().await;
    for (dataset, code, field) in [
        (&b""[..], "dataset.empty", Some("dataset")),
        (b"crash", "model.checker_failed", Some("model")),
        (b"silent", "model.checker_failed", Some("model")),
        (b"garbage", "model.checker_failed", Some("model")),
        (b"forged", "model.checker_failed", Some("model")),
        (b"forever", "limit.time", None),
    ] {
        let mut parts = good();
        parts[1].body = dataset;
        let (found, named) = bench.post(SUBMIT, &parts).await.problem(422);
        assert_eq!((found.as_str(), named.as_deref()), (code, field));
        assert_eq!(bench.kept().await, before, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_job_takes_nothing_away_from_another() {
    let bench = Bench::new().await;
    let (id, _) = bench.submit().await;
    let before = bench.kept().await;
    let mut parts = good();
    // Model and definition are the same bytes as the accepted job's.
    parts[1].body = b"crash";
    bench.post(SUBMIT, &parts).await.problem(422);
    assert_eq!(bench.kept().await, before);
    assert_eq!(bench.fetch(id, "small.keras").await, b"the model");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_cannot_be_had_is_said_to_be_missing() {
    let bench = Bench::new().await;
    let mut platform = bench.platform.clone();
    let assay_platform::sandbox::Sandbox::Process(mut sandbox) = (*platform.checks).clone() else {
        panic!("checks are made in a child process");
    };
    sandbox.launcher.path = "/nowhere".into();
    platform.checks = std::sync::Arc::new(assay_platform::sandbox::Sandbox::Process(sandbox));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    tokio::spawn(assay_api::run(platform, listener, stopping));
    let before = bench.kept().await;
    let (code, _) = http::post(address, SUBMIT, &good()).await.problem(500);
    assert_eq!(code, "service.sandbox");
    assert_eq!(bench.kept().await, before);
    let health = http::ask(address, "GET", "/health", &[], &[])
        .await
        .json(503);
    assert_eq!(health["status"], "failing");
    assert_ne!(health["parts"]["sandbox"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_16_a_cut_connection_leaves_nothing() {
    let bench = Bench::new().await;
    let before = bench.kept().await;
    let body = http::form(&good());
    for sent in [10, body.len() / 2, body.len() - 20] {
        let mut socket = TcpStream::connect(bench.address).await.unwrap();
        let head = format!(
            "POST {SUBMIT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={}\r\nContent-Length: {}\r\n\r\n",
            http::BOUNDARY,
            body.len()
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(&body[..sent]).await.unwrap();
        // Half closed, so that the end of the request can be waited for.
        socket.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest);
        tokio::time::timeout(LONG, read).await.unwrap().unwrap();
        drop(socket);
        let emptied = async {
            while bench.kept().await != before {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, emptied).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_said_at_once_and_leaves_nothing() {
    let bench = Bench::with(|config| config.upload_limit_bytes = 1000).await;
    let before = bench.kept().await;
    let big = vec![b'7'; 1 << 20];
    for (index, field) in [(0, "model"), (1, "dataset"), (2, "dataset_definition")] {
        let mut parts = good();
        parts[index].body = &big;
        let (code, named) = bench.post(SUBMIT, &parts).await.problem(413);
        assert_eq!(
            (code.as_str(), named.as_deref()),
            ("upload.too_large", Some(field))
        );
    }
    let text = "x".repeat((64 << 10) + 1);
    let mut parts = good();
    parts.push(Part::text("author", &text));
    let (code, named) = bench.post(SUBMIT, &parts).await.problem(413);
    assert_eq!(
        (code.as_str(), named.as_deref()),
        ("upload.too_large", Some("author"))
    );
    // What says itself that it is too large is not read at all.
    let kind = format!("multipart/form-data; boundary={}", http::BOUNDARY);
    let headers = [
        ("Content-Type", kind.as_str()),
        ("Content-Length", "99999999999"),
    ];
    let (code, _) = bench.ask("POST", SUBMIT, &headers).await.problem(413);
    assert_eq!(code, "upload.too_large");
    assert_eq!(bench.kept().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_11_zero_is_a_value_where_it_makes_sense() {
    let bench = Bench::new().await;
    let mut parts = good();
    for field in ["validation_split", "initial_epoch", "seed"] {
        parts.push(Part::text(field, "0"));
    }
    let accepted = bench.post(SUBMIT, &parts).await.json(200);
    let id = accepted["job_id"].as_str().unwrap().parse().unwrap();
    let parameters = bench.fetch(id, "parameters.json").await;
    let text = String::from_utf8(parameters).unwrap();
    for recorded in [
        "\"validation_split\":0,",
        "\"initial_epoch\":0,",
        "\"seed\":0,",
    ] {
        assert!(text.contains(recorded), "{text}");
    }
}
