//! The store on servers that refuse, lie, stall and never end; and what is sent to those that do not.

mod account;
mod listing;
mod lost;
mod reading;
mod server;
mod trouble;
mod written;

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
        ca_file: "".into(),
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
