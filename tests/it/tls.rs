//! A bundle whose files lie in a store that is reached over TLS, with an authority of the test's own.

use std::process::Command;

use assay_test_parts::{Authority, Buckets, S3};

use crate::support::{
    assay, run_ok,
    server::{Folder, Server},
    text,
};

const BUCKETS: [&str; 3] = ["training-jobs", "worker-scans", "scanner-scans"];

#[test]
fn a_bundle_is_fetched_from_a_store_over_https() {
    let (ours, another) = (Authority::new().unwrap(), Authority::new().unwrap());
    let store = S3::start_tls(&ours).unwrap();
    let buckets = Buckets::create_on(&store.url(), &BUCKETS).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, buckets.secret()).unwrap();
    let endpoint = format!("https://localhost:{}", store.tls_port().unwrap());
    let names = BUCKETS.map(|purpose| buckets.name(purpose));
    let server = Server::over(
        Folder::new(),
        &[
            ("ASSAY__STORE__ENDPOINT", &endpoint),
            ("ASSAY__STORE__PUBLIC_ENDPOINT", &endpoint),
            ("ASSAY__STORE__CA_FILE", text(&ours.file())),
            ("ASSAY__STORE__ACCESS_KEY", buckets.key()),
            ("ASSAY__STORE__SECRET_KEY_FILE", text(&secret)),
            ("ASSAY__STORE__BUCKET_JOBS", &names[0]),
            ("ASSAY__STORE__BUCKET_WORKER_SCANS", &names[1]),
            ("ASSAY__STORE__BUCKET_SCANNER_SCANS", &names[2]),
        ],
    );
    let job = server.train("wine", &["epochs=2"]);
    let bundle = folder.path().join("bundle");
    let get = |authority: &Authority| {
        Command::new(assay())
            .args(["--server", &server.url, "get", &job, text(&bundle)])
            .env("ASSAY_CA_FILE", authority.file())
            .output()
            .unwrap()
    };
    let refused = get(&another);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && !bundle.exists());
    assert!(
        said.contains("not from an authority that is trusted") && said.contains("--ca-file"),
        "{said}"
    );
    let fetched = get(&ours);
    assert!(fetched.status.success(), "{fetched:?}");
    run_ok(&["verify", text(&bundle)]);
}
