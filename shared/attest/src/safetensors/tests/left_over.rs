//! What lies beside a file: left by a run that was killed, or put there by somebody.

use super::*;

#[test]
fn what_a_killed_run_left_neither_blocks_nor_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let left = beside::beside(&path, "assay-new");
    let longer = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    for set in [&longer, &BTreeMap::new()] {
        fs::write(&left, "half of it").unwrap();
        update(&path, set, &[], Resign::Refuse).unwrap();
        assert!(!left.exists());
    }
    let (file, header) = open(&path).unwrap();
    let to = dir.path().join("new.safetensors");
    let left = beside::beside(&to, "assay-new");
    fs::write(&left, "half of it").unwrap();
    let again = || convert(&file, &header.weights, BTreeMap::new(), &to);
    // While another run holds it, it is not taken away.
    let other = fs::File::open(&left).unwrap();
    other.lock().unwrap();
    assert!(again().is_err() && left.exists());
    drop(other);
    again().unwrap();
    assert!(!left.exists() && open(&to).is_ok());
    // No file is replaced.
    let whole = fs::read(&to).unwrap();
    assert!(again().is_err());
    assert!(fs::read(&to).unwrap() == whole && !left.exists());
}

#[test]
fn links_and_pipes_are_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir);
    let before = fs::read(&path).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("model.safetensors", &link).unwrap();
    let set = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
    let refused = update(&link, &set, &[], Resign::Refuse);
    assert!(matches!(refused, Err(SafetensorsError::Link(_))));
    assert!(open(&link).is_ok() && fs::read(&path).unwrap() == before);
    // The journal of what the link leads to counts.
    fs::write(journal::path_of(&path), "").unwrap();
    assert!(matches!(open(&link), Err(SafetensorsError::BrokenOff(_))));
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in [&pipe, &dir.path().to_owned()] {
        assert!(open(path).is_err());
        assert!(update(path, &set, &[], Resign::Refuse).is_err());
    }
    assert!(open(std::path::Path::new("/dev/zero")).is_err());
}

#[test]
fn a_journal_that_is_a_link_is_neither_read_nor_written() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate());
    let path = written(&dir);
    let signer = Signer::Key(&key);
    sign(&path, &signer, Claims::default(), &BTreeMap::new()).unwrap();
    let other = dir.path().join("other");
    fs::write(&other, "kept").unwrap();
    for target in ["/dev/zero", "other", "nothing"] {
        std::os::unix::fs::symlink(target, journal::path_of(&path)).unwrap();
        assert!(open(&path).is_err(), "{target}");
        assert!(recover(&path).is_err(), "{target}");
        let changed = update(&path, &BTreeMap::new(), &[], Resign::Drop);
        assert!(changed.is_err(), "{target}");
        fs::remove_file(journal::path_of(&path)).unwrap();
    }
    assert_eq!(fs::read(&other).unwrap(), b"kept");
    assert!(is_whole(&path, &pinned(&key)));
}
