//! Verifying links and files.

use assay_attest::SCAN_REPORTS;
use assay_platform::ids::JobId;
use serde_json::{Value, json};

use crate::support::{Answer, Bench, Part, not_passed};

const LINK: &str = "/verify_in-toto_link";
const HASH: &str = "/verify_file_hash";
const STORED: &str = "/verify_minio_artifacts";

impl Bench {
    async fn completed(&self) -> JobId {
        let (id, _) = self.submit().await;
        self.complete(id).await;
        id
    }

    pub(crate) async fn link(&self, id: JobId, step: &str) -> Vec<u8> {
        let job = self.get(&format!("/job_artifacts/{id}")).await.json(200);
        let paths = job["artifacts"].as_array().unwrap().iter();
        let mut names =
            paths.filter_map(|path| path.as_str()?.split('/').nth(1).map(str::to_owned));
        let name = names
            .find(|name| name.starts_with(&format!("{step}.")))
            .unwrap();
        self.fetch(id, &name).await
    }

    async fn verify_link(&self, path: &str, link: &[u8]) -> Answer {
        self.post(path, &[Part::file("link_file", "any.link", link)])
            .await
    }
}

fn edited(file: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(file.to_vec()).unwrap();
    assert!(text.contains(from), "{text}");
    text.replacen(from, to, 1).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_verifies_with_its_siblings() {
    let bench = Bench::new().await;
    let id = bench.completed().await;
    for step in ["ingest", "run_training"] {
        let link = bench.link(id, step).await;
        let mut told = bench.verify_link(LINK, &link).await.json(200);
        assert!(not_passed(&told).is_empty(), "{told}");
        told.as_object_mut().unwrap().remove("checks").unwrap();
        assert_eq!(
            told,
            json!({
                "status": "success", "message": "Verification successful.", "absent": [],
                "details": {
                    "layout_signature": "Verified", "layout_expiration": "Valid", "link_signatures": "Verified",
                    "threshold_verification": "Met", "artifact_rules": "All rules satisfied"
                }
            })
        );
    }
    // A job that has not been trained has no second link yet, and that is said.
    let (waiting, _) = bench.submit().await;
    let told = bench
        .verify_link(LINK, &bench.link(waiting, "ingest").await)
        .await
        .json(200);
    assert_eq!(told["status"], "failure");
    assert_eq!(told["absent"], json!(["run_training"]));
    assert!(
        told["message"].as_str().unwrap().contains("run_training"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_link_finds_the_jobs_whose_proof_holds_it() {
    let bench = Bench::with(|config| config.scan.required = true).await;
    let (first, second) = (bench.completed().await, bench.completed().await);
    let link = bench.link(first, "scan_image").await;
    assert_eq!(link, bench.link(second, "scan_image").await);
    let told = bench.verify_link(LINK, &link).await.json(200);
    assert!(not_passed(&told).is_empty(), "{told}");
    assert_eq!(told["status"], "success");
    assert_eq!(told["jobs"], json!([second.to_string(), first.to_string()]));
    // A report that it names.
    let parts = [
        Part::file("link_file", "l", &link),
        Part::file("uploaded_file", "report", SCAN_REPORTS[0].as_bytes()),
    ];
    let told = bench.post(HASH, &parts).await.json(200);
    assert_eq!(told["details"]["path"], SCAN_REPORTS[0], "{told}");

    // One that no job has: changed, so no scanner has signed it either.
    let edited = edited(&link, "\"_type\":\"link\"", "\"_type\":\"link\",\"x\":1");
    let told = bench.verify_link(LINK, &edited).await.json(200);
    assert_eq!(told["status"], "failure");
    assert_eq!(told.get("jobs"), None);
    let failed = not_passed(&told);
    assert!(
        failed.contains(&"link-signature") && failed.contains(&"link-stored"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_09_links_that_say_something_else_are_refused() {
    let bench = Bench::new().await;
    let id = bench.completed().await;
    let link = bench.link(id, "run_training").await;
    let unsigned = edited(&link, "\"signatures\":[{", "\"signatures\":[],\"x\":[{");
    for (what, file) in [
        ("command", edited(&link, "assay-trainer", "rm")),
        (
            "product",
            edited(&link, "outputs/logs.txt", "outputs/logs.tx2"),
        ),
        (
            "digest",
            edited(&link, "sha256\":\"", "sha256\":\"00").to_vec(),
        ),
        ("space", edited(&link, "{\"signatures", "{ \"signatures")),
        ("unsigned", unsigned),
        (
            "other step",
            edited(&link, "\"name\":\"run_training\"", "\"name\":\"ingest\""),
        ),
    ] {
        let told = bench.verify_link(LINK, &file).await.json(200);
        assert_eq!(told["status"], "failure", "{what}: {told}");
        assert!(
            not_passed(&told).contains(&"link-signature"),
            "{what}: {told}"
        );
        assert!(
            told["message"]
                .as_str()
                .unwrap()
                .starts_with("Verification failed"),
            "{told}"
        );
        for path in [HASH, STORED] {
            let parts = [
                Part::file("link_file", "l", &file),
                Part::file("uploaded_file", "logs.txt", b"x"),
            ];
            let parts = if path == HASH {
                &parts[..]
            } else {
                &parts[..1]
            };
            let told = bench.post(path, parts).await.json(200);
            assert_eq!(told["status"], "failure", "{what}: {told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signed_by_somebody_else_is_refused() {
    let (bench, stranger) = (Bench::new().await, Bench::new().await);
    let theirs = stranger
        .link(stranger.completed().await, "run_training")
        .await;
    let told = bench.verify_link(LINK, &theirs).await.json(200);
    assert_eq!(told["status"], "failure");
    let failed = not_passed(&told);
    assert!(
        failed.contains(&"link-signature") && failed.contains(&"link-stored"),
        "{told}"
    );
    assert!(
        told["details"]["link_signatures"]
            .as_str()
            .unwrap()
            .starts_with("Failed"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_link_is_a_problem_that_names_the_field() {
    let bench = Bench::new().await;
    let deep = "[".repeat(100_000);
    let big = vec![b' '; (4 << 20) + 1];
    let wide = format!("[{}1]", "1,".repeat(300_000));
    let cases: [(&[u8], u16, &str); 8] = [
        (b"", 422, "link.malformed"),
        (b"not json", 422, "link.malformed"),
        (b"{\"signed\":{},\"signed\":{}}", 422, "link.malformed"),
        (deep.as_bytes(), 422, "link.malformed"),
        (wide.as_bytes(), 422, "link.malformed"),
        (&big, 413, "upload.too_large"),
        (b"{\"a\":1}", 422, "link.not_a_link"),
        (b"\xff\xfe", 422, "link.malformed"),
    ];
    for (file, status, code) in cases {
        for path in [LINK, STORED] {
            let (found, field) = bench.verify_link(path, file).await.problem(status);
            assert_eq!(
                (found.as_str(), field.as_deref()),
                (code, Some("link_file"))
            );
        }
    }
    bench.post(LINK, &[]).await.problem(422);
    let twice = [Part::file("link_file", "l", b"{}"); 2];
    assert_eq!(
        bench.post(LINK, &twice).await.problem(422).0,
        "form.repeated_field"
    );
    let extra = [Part::file("other", "l", b"{}")];
    assert_eq!(
        bench.post(LINK, &extra).await.problem(422).0,
        "form.unknown_field"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_06_a_file_is_held_against_a_verified_link_only() {
    let bench = Bench::new().await;
    let id = bench.completed().await;
    let link = bench.link(id, "run_training").await;
    let model = bench.fetch(id, "trained_model.keras").await;
    let ask = async |link: &[u8], name: &str, file: &[u8]| -> Value {
        // In either order.
        let parts = [
            Part::file("uploaded_file", name, file),
            Part::file("link_file", "l", link),
        ];
        bench.post(HASH, &parts).await.json(200)
    };
    let told = ask(&link, "trained_model.keras", &model).await;
    assert_eq!(told["status"], "success", "{told}");
    assert_eq!(told["message"], "Hash matches the recorded metadata.");
    let digest = assay_attest::Digest::of(&model).to_string();
    assert_eq!(told["details"]["file_name"], "trained_model.keras");
    assert_eq!(told["details"]["hash"], json!({"sha256": digest}));
    // Another name, or a path, does not hide what it is.
    assert_eq!(
        ask(&link, "../../x", &model).await["details"]["file_name"],
        "trained_model.keras"
    );

    let told = ask(&link, "trained_model.keras", b"evil").await;
    assert_eq!(
        (&told["status"], &told["message"]),
        (&json!("failure"), &json!("Hash mismatch."))
    );
    assert_eq!(told["details"]["recorded_hash"], digest);
    // Bytes that the link names elsewhere are still not the file of this name.
    let told = ask(&link, "trained_model.keras", b"the model").await;
    assert_eq!(
        (&told["status"], &told["message"]),
        (&json!("failure"), &json!("Hash mismatch."))
    );
    let told = ask(&link, "unknown", b"evil").await;
    assert_eq!(told["message"], "The link does not name this file.");

    let evil = edited(
        &link,
        &digest,
        &assay_attest::Digest::of(b"evil").to_string(),
    );
    let told = ask(&evil, "trained_model.keras", b"evil").await;
    assert_eq!(told["status"], "failure", "{told}");
    assert!(told["details"].get("recorded_hash").is_none(), "{told}");
    bench
        .post(HASH, &[Part::file("link_file", "l", &link)])
        .await
        .problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_artifacts_are_hashed_anew() {
    let bench = Bench::new().await;
    let id = bench.completed().await;
    let link = bench.link(id, "run_training").await;
    let told = bench.verify_link(STORED, &link).await.json(200);
    assert_eq!(told["status"], "success", "{told}");
    assert_eq!(told["verified_materials"].as_array().unwrap().len(), 4);
    assert_eq!(told["verified_products"].as_array().unwrap().len(), 6);
    assert_eq!(told["mismatched_materials"], json!([]));
    assert_eq!(told["mismatched_products"], json!([]));

    // Somebody with access to the disk changes one and removes another.
    let artifacts = bench.platform.db.artifacts(id).await.unwrap();
    let object = |name: &str| {
        let digest = artifacts
            .iter()
            .find(|one| one.name() == name)
            .unwrap()
            .digest
            .to_string();
        let objects = bench.folder.path().join("assay/store/objects");
        objects.join(&digest[..2]).join(&digest[2..])
    };
    std::fs::remove_file(object("metrics.json")).unwrap();
    std::fs::remove_file(object("logs.txt")).unwrap();
    std::fs::write(object("logs.txt"), "forged").unwrap();
    let told = bench.verify_link(STORED, &link).await.json(200);
    assert_eq!(told["status"], "failure");
    let mismatched = told["mismatched_products"].as_array().unwrap();
    assert_eq!(mismatched.len(), 2, "{told}");
    let forged = assay_attest::Digest::of(b"forged").to_string();
    assert!(
        mismatched.iter().any(|one| one["computed_hash"] == forged),
        "{told}"
    );
    assert!(
        mismatched.iter().any(|one| one["error"].is_string()),
        "{told}"
    );
    // An unsigned link is no oracle for digests.
    let unsigned = edited(&link, "\"sig\":\"30", "\"sig\":\"31");
    let told = bench.verify_link(STORED, &unsigned).await.json(200);
    assert_eq!(told["status"], "failure");
    assert_eq!(told["mismatched_products"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn verifications_at_the_same_time_do_not_mix() {
    let bench = Bench::new().await;
    let (one, other) = (bench.completed().await, bench.completed().await);
    let good = bench.link(one, "run_training").await;
    let bad = edited(
        &bench.link(other, "run_training").await,
        "assay-trainer",
        "rm",
    );
    // Both are handed in under the same name, many times over.
    let answers = futures_util::future::join_all((0..32).map(|turn| {
        let file = if turn % 2 == 0 { &good } else { &bad };
        bench.verify_link(LINK, file)
    }));
    for (turn, answer) in answers.await.into_iter().enumerate() {
        let expected = if turn % 2 == 0 { "success" } else { "failure" };
        assert_eq!(answer.json(200)["status"], expected);
    }
}
