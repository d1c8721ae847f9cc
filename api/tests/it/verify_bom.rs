//! Verifying AIBoMs.

use assay_platform::ids::JobId;
use serde_json::json;

use crate::support::{Answer, Bench, Part, not_passed};

impl Bench {
    async fn verify_bom(&self, bom: &[u8]) -> Answer {
        self.post(
            "/verify_bom_and_link",
            &[Part::file("bom_file", "aibom.json", bom)],
        )
        .await
    }

    async fn with_bom(&self) -> (JobId, Vec<u8>) {
        let (id, _) = self.submit().await;
        self.complete(id).await;
        (id, self.fetch(id, "aibom.json").await)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_aibom_verifies_with_its_links() {
    let bench = Bench::new().await;
    let (_, bom) = bench.with_bom().await;
    let mut told = bench.verify_bom(&bom).await.json(200);
    assert!(not_passed(&told).is_empty(), "{told}");
    told.as_object_mut().unwrap().remove("checks").unwrap();
    assert_eq!(
        told,
        json!({
            "status": "success", "message": "BOM and .link file verification successful.",
            "details": {"bom_signature": "Verified", "link_file": "Verified"}
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_04_what_is_added_to_an_aibom_is_refused() {
    let bench = Bench::new().await;
    let (_, bom) = bench.with_bom().await;
    let text = String::from_utf8(bom).unwrap();
    for (from, to) in [
        (
            "\"bomFormat\"",
            "\"annotations\":[{\"text\":\"Certified\"}],\"bomFormat\"",
        ),
        ("\"timestamp\":\"2026", "\"timestamp\":\"2025"),
        ("0.5", "0.9"),
        ("\"bomFormat\"", " \"bomFormat\""),
        ("\"version\":1", "\"version\":2"),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        let told = bench
            .verify_bom(text.replacen(from, to, 1).as_bytes())
            .await
            .json(200);
        assert_eq!(told["status"], "failure", "{to}");
        assert!(
            told["details"]["bom_signature"]
                .as_str()
                .unwrap()
                .starts_with("Failed"),
            "{told}"
        );
        assert_eq!(not_passed(&told), ["aibom-signature"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aibom_of_another_platform_is_refused() {
    let (bench, stranger) = (Bench::new().await, Bench::new().await);
    let (_, theirs) = stranger.with_bom().await;
    let told = bench.verify_bom(&theirs).await.json(200);
    assert_eq!(told["status"], "failure");
    assert!(
        told["message"].as_str().unwrap().contains("platform key"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_05_a_swapped_link_is_found() {
    let bench = Bench::new().await;
    let (one, bom) = bench.with_bom().await;
    let (other, _) = bench.with_bom().await;
    // Somebody with access to the disk puts the other job's link, as rightly signed, in its place.
    let object = async |id| {
        let artifacts = bench.platform.db.artifacts(id).await.unwrap();
        let link = artifacts
            .iter()
            .find(|a| a.name().starts_with("run_training"))
            .unwrap();
        let digest = link.digest.to_string();
        let objects = bench.folder.path().join("assay/store/objects");
        objects.join(&digest[..2]).join(&digest[2..])
    };
    let (mine, theirs) = (object(one).await, object(other).await);
    std::fs::remove_file(&mine).unwrap();
    std::fs::copy(theirs, &mine).unwrap();
    let told = bench.verify_bom(&bom).await.json(200);
    assert_eq!(told["status"], "failure", "{told}");
    assert!(not_passed(&told).contains(&"stored-proof"), "{told}");
    let link = told["details"]["link_file"].as_str().unwrap();
    assert!(link.starts_with("Failed: run_training."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_bom_is_a_problem_that_names_the_field() {
    let bench = Bench::new().await;
    let deep = format!("{{\"bomFormat\":{}", "[".repeat(50_000));
    let big = vec![b' '; (16 << 20) + 1];
    let cases: [(&[u8], u16, &str); 6] = [
        (b"", 422, "bom.malformed"),
        (b"<xml/>", 422, "bom.malformed"),
        (
            b"{\"bomFormat\":\"CycloneDX\",\"bomFormat\":\"CycloneDX\"}",
            422,
            "bom.malformed",
        ),
        (deep.as_bytes(), 422, "bom.malformed"),
        (&big, 413, "upload.too_large"),
        (b"{\"spdxVersion\":\"SPDX-2.3\"}", 422, "bom.not_cyclonedx"),
    ];
    for (file, status, code) in cases {
        let (found, field) = bench.verify_bom(file).await.problem(status);
        assert_eq!((found.as_str(), field.as_deref()), (code, Some("bom_file")));
    }
    // Not signed at all is an answer: it does not verify.
    let told = bench
        .verify_bom(b"{\"bomFormat\":\"CycloneDX\"}")
        .await
        .json(200);
    assert_eq!(told["status"], "failure");
}
