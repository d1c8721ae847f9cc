//! Every byte of a bundle counts.

use std::{env, fs, path::Path, time::Duration};

use assay_attest::Trust;
use assay_platform::{
    Config, Platform,
    bundle::verify_folder,
    ids::{JobId, UniqueDir},
    job::{Artifact, Completion, NewJob, Priority, Timings},
};

use super::support::{
    files, run,
    server::{Folder, Server},
    text,
};

fn passes(bundle: &Path, trust: &Trust) -> bool {
    verify_folder(bundle, trust).unwrap().is_verified()
}

/// Places in a file, and the bits to change there: both ends, and others by chance, forty or as many as
/// `ASSAY_TEST_FLIPS` says; in a file that has no more bytes than that, each of them.
fn flips(len: usize) -> Vec<(usize, u8)> {
    let most = env::var("ASSAY_TEST_FLIPS").map_or(40, |text| text.parse().unwrap());
    let random = || fastrand::u8(1..);
    if len <= most {
        return (0..len).map(|at| (at, random())).collect();
    }
    let ends = [0, len - 1].into_iter();
    let others = (0..most).map(|_| fastrand::usize(0..len));
    ends.chain(others).map(|at| (at, random())).collect()
}

#[test]
fn any_flipped_byte_added_or_missing_file_is_refused() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let job = server.train("wine", &["epochs=2"]);
    let bundle = server.bundle(&job, dir.path());
    let trust = Trust::from_json(&fs::read(dir.path().join("trust/trust.json")).unwrap()).unwrap();
    assert!(passes(&bundle, &trust));

    for file in files(&bundle) {
        let path = bundle.join(&file);
        let whole = fs::read(&path).unwrap();
        for (at, bits) in flips(whole.len()) {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            fs::write(&path, &changed).unwrap();
            let shown = file.display();
            assert!(!passes(&bundle, &trust), "{shown} byte {at} ^ {bits:#04x}");
        }
        let mut longer = whole.clone();
        longer.push(b'\n');
        fs::write(&path, &longer).unwrap();
        assert!(!passes(&bundle, &trust), "{} longer", file.display());

        fs::remove_file(&path).unwrap();
        assert!(!passes(&bundle, &trust), "{} missing", file.display());
        fs::write(&path, &whole).unwrap();
    }

    fs::write(bundle.join("extra.txt"), "not named by any link").unwrap();
    assert!(!passes(&bundle, &trust), "an added file");
    fs::remove_file(bundle.join("extra.txt")).unwrap();
    assert!(passes(&bundle, &trust), "the bundle as it was");
}

#[test]
fn proof_of_another_job_or_of_another_owner_is_refused() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let first = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    let second = server.bundle(&server.train("wine", &["epochs=2"]), dir.path());
    let trust = Trust::from_json(&fs::read(dir.path().join("trust/trust.json")).unwrap()).unwrap();
    assert!(passes(&first, &trust) && passes(&second, &trust));

    // Files of the same name from the other job, each signed by the right key.
    for name in ["aibom.json", "aibom.sig"] {
        let own = fs::read(first.join(name)).unwrap();
        fs::copy(second.join(name), first.join(name)).unwrap();
        assert!(!passes(&first, &trust), "{name} swapped");
        fs::write(first.join(name), own).unwrap();
    }
    for link in files(&first) {
        if link
            .extension()
            .is_some_and(|extension| extension == "link")
        {
            let own = fs::read(first.join(&link)).unwrap();
            fs::copy(second.join(&link), first.join(&link)).unwrap();
            assert!(!passes(&first, &trust), "{} swapped", link.display());
            fs::write(first.join(&link), own).unwrap();
        }
    }
    assert!(passes(&first, &trust));

    // Everything of it right, but vouched for by somebody else.
    let other = Server::start();
    let elsewhere = tempfile::tempdir().unwrap();
    other.bundle(&other.train("wine", &["epochs=1"]), elsewhere.path());
    let stranger =
        Trust::from_json(&fs::read(elsewhere.path().join("trust/trust.json")).unwrap()).unwrap();
    assert!(!passes(&first, &stranger));
}

/// Gives a new job everything that another one has, its proof too, as somebody who can write to the database can.
async fn replay(data: &Path, of: &str) -> String {
    let Platform { db, .. } = Platform::open(Config::in_dir(data).unwrap()).await.unwrap();
    let of: JobId = of.parse().unwrap();
    let (job, artifacts) = (db.job(of).await.unwrap().unwrap(), db.artifacts(of).await);
    let is_input = |one: &Artifact| one.path.contains("/inputs/");
    let (inputs, rest) = artifacts.unwrap().into_iter().partition(is_input);
    let new = NewJob {
        id: JobId::new(),
        unique_dir: UniqueDir::new(),
        request: job.request,
        class: job.class,
        priority: Priority::Normal,
        traceparent: None,
        submitted_at: job.times.submitted_at,
        artifacts: inputs,
    };
    db.insert_job(&new).await.unwrap();
    let claim = db.claim(new.id, "forger", Duration::from_secs(60)).await;
    let attempt = claim.unwrap().unwrap().attempt;
    let completion = Completion {
        artifacts: rest,
        timings: Timings::default(),
    };
    assert!(db.complete(new.id, attempt, &completion).await.unwrap());
    new.id.to_string()
}

#[test]
fn the_proof_of_another_job_is_not_handed_out_as_this_ones() {
    let server = Server::over(Folder::embedded(), &[]);
    let dir = tempfile::tempdir().unwrap();
    let real = server.train("wine", &["epochs=1"]);
    let bundle = server.bundle(&real, dir.path());
    let folder = server.kill();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let forged = runtime.block_on(replay(&folder.path().join("data"), &real));
    drop(runtime);
    let server = Server::over(folder, &[]);

    let into = dir.path().join("forged");
    let got = run(&["--server", &server.url, "get", &forged, text(&into)]);
    let told = String::from_utf8_lossy(&got.stderr).into_owned();
    assert!(!got.status.success(), "{told}");
    assert!(told.contains(&real) && told.contains(&forged), "{told}");
    assert!(!into.exists());
    assert!(server.bundle(&real, &dir.path().join("again")).exists());

    // Offline, the verifier says of which job the bundle is, and compares it with the one that was meant.
    let verified = |job: &str| run(&["verify", "--json", text(&bundle), "--job", job]);
    let good = verified(&real);
    let said: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    assert!(good.status.success(), "{said}");
    assert_eq!(said["job"], real);
    assert!(!verified(&forged).status.success());
}
