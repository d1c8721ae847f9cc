//! The store on servers that refuse, lie, stall and never end; and what is sent to those that do not.

mod lost;
mod server;

use std::{fs, io};

use tempfile::TempDir;

use super::*;
use crate::store::{Store, s3::Lock};
use server::{Answer, Server};

const SECRET: &str = "hidden-words";

/// A store on such a server. Its patience is short where a test waits for its end, and without end elsewhere.
fn store(endpoint: &str, set: impl FnOnce(&mut StoreConfig, &mut Limits)) -> (TempDir, S3) {
    let base = tempfile::tempdir().unwrap();
    let secret_file = base.path().join("secret");
    fs::write(&secret_file, SECRET).unwrap();
    let mut config = StoreConfig {
        endpoint: endpoint.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: "assay".to_owned(),
        secret_key_file: secret_file,
        path_style: true,
        bucket_jobs: "jobs".to_owned(),
        bucket_worker_scans: "worker-scans".to_owned(),
        bucket_scanner_scans: "scanner-scans".to_owned(),
        public_endpoint: String::new(),
        sse_kms_key_id: String::new(),
        lock_proofs_days: 0,
        part_bytes: 5 << 20,
        keep_unnamed: Duration::from_secs(3600),
        create_buckets: false,
    };
    let mut limits = Limits {
        patience: Duration::from_secs(120),
        ..Limits::default()
    };
    set(&mut config, &mut limits);
    let store = S3::open_within(config, base.path().join("rooms"), limits).unwrap();
    (base, store)
}

fn at_once(_: &mut StoreConfig, limits: &mut Limits) {
    limits.patience = Duration::ZERO;
}

fn object(data: &[u8]) -> Answer {
    Answer::ok(data)
}

/// A part of an object from a byte on, as a server gives it.
fn rest(data: &[u8], from: usize) -> Answer {
    let range = format!("bytes {from}-{}/{}", data.len() - 1, data.len());
    Answer::Plain(206, vec![("Content-Range", range)], data[from..].to_vec())
}

const BEGUN: &str =
    "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>";

/// What a server says that has put parts together or copied.
fn done(asked: &server::Asked) -> Answer {
    if asked.is("POST", "") {
        return Answer::ok(
            "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>",
        );
    }
    if asked.header("x-amz-copy-source").is_some() {
        return Answer::ok("<CopyObjectResult><ETag>x</ETag></CopyObjectResult>");
    }
    Answer::ok("")
}

fn reason(error: &StoreError) -> String {
    let text = error.to_string();
    assert!(!text.contains(SECRET) && !text.contains('\n'), "{text}");
    text
}

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

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let server = Server::start(|before, _| match before {
        0 => Answer::error(503, "SlowDown"),
        1 => Answer::Raw(Vec::new()),
        2 => Answer::error(500, "InternalError"),
        3 => Answer::error(429, "TooManyRequests"),
        _ => Answer::ok(""),
    })
    .await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    s3.put_bytes(b"x".to_vec(), Lock::Free).await.unwrap();
    assert_eq!(server.asked().len(), 5);
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    // The address is taken, and nobody listens.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let (_base, s3) = store(&endpoint, |_, _| {});
    let put = tokio::spawn(async move { s3.put_bytes(b"x".to_vec(), Lock::Free).await });
    let (_base, impatient) = store(&endpoint, at_once);
    let error = impatient.answers().await.unwrap_err();
    assert!(
        error.is_passing() && reason(&error).contains(&endpoint),
        "{error}"
    );
    let _server = Server::on(socket.listen(8).unwrap(), |_, _| Answer::ok(""));
    put.await.unwrap().unwrap();
}

#[tokio::test]
async fn refusals_are_told_apart_and_say_what_to_do() {
    for (status, code, word) in [
        (403, "InvalidAccessKeyId", "store.access_key"),
        (403, "SignatureDoesNotMatch", "store.secret_key_file"),
        (403, "AccessDenied", "right"),
        (404, "NoSuchBucket", "assay prepare"),
        (301, "PermanentRedirect", "store.region"),
        (403, "RequestTimeTooSkewed", "clocks"),
    ] {
        let server = Server::start(move |_, _| Answer::error(status, code)).await;
        let (_base, s3) = store(&server.endpoint, |_, _| {});
        let error = s3.check(false).await.unwrap_err();
        let text = reason(&error);
        assert!(
            text.contains(word) && text.contains("bucket jobs"),
            "{text}"
        );
        assert!(!error.is_passing());
        // Asked once: nothing changes by asking again.
        assert_eq!(server.asked().len(), 1, "{code}");
        // An absent bucket is no absent object.
        let read = s3.verify(Digest::of(b"x")).await.unwrap_err();
        assert!(matches!(read, StoreError::Remote { .. }), "{read}");
    }
    let server = Server::start(|_, _| Answer::error(404, "NoSuchKey")).await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    let read = s3.verify(Digest::of(b"x")).await.unwrap_err();
    assert!(matches!(read, StoreError::Missing(_)), "{read}");
}

#[tokio::test]
async fn a_stream_that_breaks_or_stalls_is_read_on() {
    let data: Vec<u8> = (0..900_000_u32).map(|i| (i % 251) as u8).collect();
    let digest = Digest::of(&data);
    let served = data.clone();
    let head = format!("HTTP/1.1 200 x\r\nContent-Length: {}\r\n\r\n", data.len()).into_bytes();
    let server = Server::start(move |before, asked| {
        let from = asked.header("range").map_or(0, |range| {
            let range = range.strip_prefix("bytes=").unwrap();
            range.split('-').next().unwrap().parse().unwrap()
        });
        match before {
            0 => Answer::Raw([&head[..], &served[..100_000]].concat()),
            1 => Answer::error(503, "SlowDown"),
            // Ignores what is asked for.
            2 => object(&served),
            3 => {
                let to = from + 200_000;
                let head = format!(
                    "HTTP/1.1 206 x\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
                    served.len() - from,
                    served.len() - 1,
                    served.len()
                );
                Answer::Stall([head.as_bytes(), &served[from..to]].concat())
            }
            _ => rest(&served, from),
        }
    })
    .await;
    let (base, s3) = store(&server.endpoint, |_, limits| {
        limits.stall = Duration::from_millis(300);
    });
    let to = base.path().join("rooms/x");
    assert_eq!(s3.fetch(digest, &to).await.unwrap().bytes, 900_000);
    assert_eq!(fs::read(&to).unwrap(), data);
    assert!(server.asked().len() >= 5);
}

#[tokio::test]
async fn wrong_lengths_and_other_bytes_are_refused() {
    let digest = Digest::of(b"12345");
    let corrupt =
        |error| matches!(error, StoreError::Corrupt { expected, .. } if expected == digest);
    // More than it said: what is too much is cut off with the connection, and what is left is right.
    let raw = |text: &str| Answer::Raw(text.as_bytes().to_vec());
    let more =
        raw("HTTP/1.1 200 x\r\nContent-Length: 5\r\nConnection: close\r\n\r\n12345 and more");
    let other = object(b"other bytes");
    let none = raw("HTTP/1.1 200 x\r\nConnection: close\r\n\r\n12345");
    let less = raw("HTTP/1.1 200 x\r\nContent-Length: 50\r\nConnection: close\r\n\r\n12345");
    for (case, answer) in [more, other, none, less].into_iter().enumerate() {
        let server = Server::start(move |_, _| answer.clone()).await;
        let (base, s3) = store(&server.endpoint, at_once);
        let read = s3.read(digest, 100).await;
        let to = base.path().join("rooms/x");
        let fetched = s3.fetch(digest, &to).await;
        assert_eq!(fetched.is_ok(), read.is_ok());
        assert_eq!(to.exists(), read.is_ok());
        match (case, read) {
            (0, Ok(data)) => assert_eq!(data, b"12345"),
            (1, Err(error)) => assert!(corrupt(error)),
            (2, Err(error)) => assert!(reason(&error).contains("how large"), "{error}"),
            (3, Err(error)) => assert!(error.is_passing(), "{error}"),
            (_, other) => panic!("{case}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_object_that_claims_to_be_huge_does_not_fill_disk_or_memory() {
    let server = Server::start(|_, _| {
        Answer::Endless(b"HTTP/1.1 200 x\r\nContent-Length: 4611686018427387904\r\n\r\n".to_vec())
    })
    .await;
    let (base, s3) = store(&server.endpoint, at_once);
    let digest = Digest::of(b"x");
    let limited = s3.read(digest, 100).await.unwrap_err();
    assert!(matches!(limited, StoreError::TooLarge { limit: 100 }));
    let full = s3
        .fetch(digest, &base.path().join("rooms/x"))
        .await
        .unwrap_err();
    assert!(matches!(full, StoreError::Io(error) if error.kind() == io::ErrorKind::StorageFull));
    assert!(!base.path().join("rooms/x").exists());
}

#[tokio::test]
async fn listings_and_documents_have_an_end() {
    let page = |next: &str| {
        let body = format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>\
             </ListBucketResult>"
        );
        let date = "Sat, 21 Nov 2026 12:00:00 GMT".to_owned();
        Answer::Plain(200, vec![("Date", date)], body.into())
    };
    let same = Server::start(move |_, _| page("again")).await;
    let (_base, s3) = store(&same.endpoint, at_once);
    let error = s3.objects_under("ab").await.unwrap_err();
    assert!(reason(&error).contains("does not go on"), "{error}");
    assert_eq!(same.asked().len(), 2);

    let new = Server::start(move |before, _| page(&before.to_string())).await;
    let (_base, s3) = store(&new.endpoint, |_, limits| limits.pages = 20);
    let error = s3.objects_under("ab").await.unwrap_err();
    assert!(reason(&error).contains("without end"), "{error}");
    assert_eq!(new.asked().len(), 20);

    for status in ["200 x", "403 x"] {
        let head = format!("HTTP/1.1 {status}\r\nTransfer-Encoding: identity\r\n\r\n<a>");
        let endless = Server::start(move |_, _| Answer::Endless(head.clone().into_bytes())).await;
        let (_base, s3) = store(&endless.endpoint, at_once);
        s3.objects_under("ab").await.unwrap_err();
        if status == "403 x" {
            s3.verify(Digest::of(b"x")).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn without_the_servers_time_nothing_is_old() {
    let server = Server::start(|_, asked| {
        assert!(!asked.is("DELETE", ""), "{}", asked.line);
        Answer::ok("<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
    })
    .await;
    let (_base, s3) = store(&server.endpoint, at_once);
    let error = s3.sweep(Duration::ZERO).await.unwrap_err();
    assert!(reason(&error).contains("what time it is"), "{error}");
}

#[tokio::test]
async fn an_upload_whose_end_was_lost_on_the_way_is_found_to_be_there() {
    let bytes = (5 << 20) + 1;
    let server = Server::start(move |before, asked| {
        if asked.is("POST", "?uploads") {
            return Answer::ok(BEGUN);
        }
        if asked.is("POST", "uploadId") {
            // The parts take three requests.
            return if before == 3 {
                Answer::Raw(Vec::new())
            } else {
                Answer::error(404, "NoSuchUpload")
            };
        }
        if asked.is("HEAD", "") {
            return Answer::ok(vec![0; bytes]);
        }
        done(asked)
    })
    .await;
    let (_base, s3) = store(&server.endpoint, |_, _| {});
    let mut upload = s3.upload(u64::MAX);
    upload.write(vec![7; bytes].into()).await.unwrap();
    assert_eq!(upload.finish().await.unwrap().bytes, bytes as u64);
}

#[tokio::test]
async fn links_lead_to_the_address_that_people_reach() {
    let (_base, s3) = store("http://127.0.0.1:1", |config, _| {
        config.public_endpoint = "https://files.example:9000/".to_owned();
    });
    let store = Store::S3(s3);
    let digest = Digest::of(b"x");
    let ttl = Duration::from_secs(3600);
    let url = store.signed_url(digest, "a\"b.json", ttl).await.unwrap();
    let start = format!("https://files.example:9000/jobs/{}?", object_key(digest));
    assert!(url.starts_with(&start), "{url}");
    assert!(
        url.contains("X-Amz-Expires=3600") && url.contains("X-Amz-Signature="),
        "{url}"
    );
    assert!(url.contains("a_b.json") && !url.contains(SECRET), "{url}");
    // The longest that the way of signing allows.
    let long = store
        .signed_url(digest, "x", Duration::from_secs(1 << 30))
        .await
        .unwrap();
    assert!(long.contains("X-Amz-Expires=604800"), "{long}");
}

#[test]
fn a_secret_is_one_line_of_a_file() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("secret");
    let open = || {
        let (_kept, s3) = store("http://127.0.0.1:1", |_, _| {});
        let config = StoreConfig {
            secret_key_file: file.clone(),
            ..s3.0.config.clone()
        };
        S3::open(config, base.path().join("rooms"))
    };
    let absent = open().unwrap_err().to_string();
    assert!(absent.contains("store.secret_key_file"), "{absent}");
    for wrong in ["", "\n", "two\nlines", &"x".repeat(5000)] {
        fs::write(&file, wrong).unwrap();
        assert!(open().is_err(), "{wrong:?}");
    }
    fs::write(&file, "good\r\n").unwrap();
    open().unwrap();
}
