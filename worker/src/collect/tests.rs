use std::{collections::BTreeSet, fs, path::Path};

use assay_platform::sandbox::Limits;

use super::*;

/// Checkpoints that a training may leave.
const KEEP: u32 = 2;

fn outputs(folder: &Path) -> Vec<OutputFile> {
    let mut weights = 2_u64.to_le_bytes().to_vec();
    weights.extend(b"{}");
    let files: [(&str, &[u8]); 6] = [
        (room::TRAINED_MODEL, b"PK\x03\x04rest"),
        (room::METRICS, b"{}"),
        (room::LOGS, b""),
        (room::WEIGHTS, &weights),
        (room::ARCHITECTURE, b"{}"),
        (room::PREPROCESSING, b"{}"),
    ];
    files
        .iter()
        .map(|(name, bytes)| {
            fs::write(folder.join(name), bytes).unwrap();
            OutputFile {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
            }
        })
        .collect()
}

fn reason(folder: &Path, said: &[OutputFile]) -> Option<String> {
    let entries = open_outputs(folder, &Limits::default()).unwrap();
    match check(&entries, said, KEEP) {
        Ok(()) => None,
        Err(Stop::Failed(failure)) => {
            assert_eq!(failure.fault.code, "trainer.outputs");
            Some(failure.fault.message)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn the_proof_and_the_room_know_the_same_outputs() {
    let (room, proof) = (
        BTreeSet::from(room::OUTPUTS),
        BTreeSet::from(assay_attest::OUTPUT_NAMES),
    );
    assert_eq!(room, proof);
}

#[test]
fn takes_six_files_of_the_reported_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let said = outputs(folder.path());
    assert_eq!(reason(folder.path(), &said), None);
}

#[test]
fn refuses_any_other_set_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let said = outputs(folder.path());
    let unsaid = reason(folder.path(), &said[1..]).unwrap();
    assert!(
        unsaid.contains("did not report trained_model.keras"),
        "{unsaid}"
    );

    fs::write(folder.path().join("extra"), "x").unwrap();
    let extra = reason(folder.path(), &said).unwrap();
    assert!(extra.contains("\"extra\""), "{extra}");
    fs::remove_file(folder.path().join("extra")).unwrap();

    fs::remove_file(folder.path().join(room::METRICS)).unwrap();
    let missing = reason(folder.path(), &said).unwrap();
    assert!(missing.contains("no metrics.json"), "{missing}");
}

#[test]
fn refuses_files_that_are_not_of_their_kind() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        (room::TRAINED_MODEL, b"notazip!" as &[u8]),
        (room::WEIGHTS, b"\xff\xff\xff\xff\xff\xff\xff\xff{}"),
        (room::WEIGHTS, b""),
        (room::METRICS, b""),
    ] {
        let mut said = outputs(folder.path());
        fs::write(folder.path().join(name), bytes).unwrap();
        for file in said.iter_mut().filter(|file| file.name == name) {
            file.bytes = bytes.len() as u64;
        }
        let found = reason(folder.path(), &said).unwrap();
        assert!(found.contains(name), "{found}");
    }
}

#[test]
fn takes_as_many_checkpoints_as_are_kept_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = outputs(folder.path());
    let mut leave = |epoch: u32| {
        let mut bytes = 2_u64.to_le_bytes().to_vec();
        bytes.extend(b"{}");
        fs::write(folder.path().join(room::checkpoint(epoch)), &bytes).unwrap();
        said.push(OutputFile {
            name: room::checkpoint(epoch),
            bytes: bytes.len() as u64,
        });
        reason(folder.path(), &said)
    };
    assert_eq!(leave(7), None);
    assert_eq!(leave(10), None);
    assert!(leave(11).unwrap().contains("may not"));
}
