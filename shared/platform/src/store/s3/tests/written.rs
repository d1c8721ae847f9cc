//! What is sent with what is written.

use super::*;

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "every way to write, one after the other"
)]
async fn what_is_written_is_bound_to_its_checksum_encryption_and_lock() {
    let server = Server::start(|_, asked| {
        if asked.is("POST", "?uploads") {
            return Answer::ok(BEGUN);
        }
        if asked.is("PUT", "partNumber") {
            return Answer::Plain(200, vec![("ETag", "\"part\"".to_owned())], Vec::new());
        }
        if asked.is("HEAD", "") {
            return Answer::ok(vec![0; 6 << 20]);
        }
        done(asked)
    })
    .await;
    let (_base, s3) = store(&server.endpoint, |config, _| {
        config.sse_kms_key_id = "a-key".to_owned();
        config.lock_proofs_days = 30;
    });
    let free = s3.put_bytes(b"free".to_vec(), Lock::Free).await.unwrap();
    s3.put_bytes(b"proof".to_vec(), Lock::Proof).await.unwrap();
    let mut upload = s3.upload(u64::MAX);
    upload.write(vec![7; 6 << 20].into()).await.unwrap();
    upload.finish().await.unwrap();

    let asked = server.asked();
    let [free_put, proof_put, create, ..] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert!(free_put.is("PUT", &format!("/jobs/{}", object_key(free.digest))));
    assert_eq!(
        free_put.header("x-amz-checksum-sha256"),
        Some(checksum(free.digest).as_str())
    );
    // Hashed once: the checksum is signed, the payload is not signed as well.
    assert_eq!(
        free_put.header("x-amz-content-sha256"),
        Some("UNSIGNED-PAYLOAD")
    );
    let signed = free_put.header("authorization").unwrap();
    assert!(signed.contains("x-amz-checksum-sha256"), "{signed}");
    assert_eq!(free_put.header("x-amz-object-lock-mode"), None);
    assert_eq!(free_put.body, b"free");
    assert_eq!(
        proof_put.header("x-amz-object-lock-mode"),
        Some("COMPLIANCE")
    );
    let until = proof_put
        .header("x-amz-object-lock-retain-until-date")
        .unwrap();
    let until = DateTime::from_str(until, DateTimeFormat::DateTime).unwrap();
    let now = DateTime::from(std::time::SystemTime::now());
    assert_eq!((until.secs() - now.secs() + 3600) / (24 * 3600), 30);

    assert!(create.is("POST", "/jobs/uploads/"));
    assert_eq!(create.header("x-amz-checksum-algorithm"), Some("SHA256"));
    let parts: Vec<_> = asked
        .iter()
        .filter(|one| one.is("PUT", "partNumber"))
        .collect();
    assert_eq!(parts.len(), 2);
    for part in parts {
        let digest = Digest::of(&part.body);
        assert_eq!(
            part.header("x-amz-checksum-sha256"),
            Some(checksum(digest).as_str())
        );
    }
    let copy = asked
        .iter()
        .find(|one| one.header("x-amz-copy-source").is_some())
        .unwrap();
    for encrypted in [free_put, proof_put, create, copy] {
        assert_eq!(
            encrypted.header("x-amz-server-side-encryption"),
            Some("aws:kms")
        );
        let key = "x-amz-server-side-encryption-aws-kms-key-id";
        assert_eq!(encrypted.header(key), Some("a-key"));
    }
    assert!(asked.last().unwrap().is("DELETE", "/jobs/uploads/"));
}
