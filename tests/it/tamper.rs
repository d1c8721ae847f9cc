//! Every byte of a bundle counts.

use std::{fs, path::Path};

use assay_attest::Trust;
use assay_platform::bundle::verify_folder;

use super::support::{files, server::Server};

fn passes(bundle: &Path, trust: &Trust) -> bool {
    verify_folder(bundle, trust).unwrap().is_verified()
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
        // About forty places in each file, both ends among them, a different bit each time.
        let step = (whole.len() / 40).max(1);
        for (turn, at) in (0..whole.len())
            .step_by(step)
            .chain([whole.len() - 1])
            .enumerate()
        {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (turn % 8);
            fs::write(&path, &changed).unwrap();
            assert!(!passes(&bundle, &trust), "{} byte {at}", file.display());
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
