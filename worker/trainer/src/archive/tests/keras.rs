//! What is written, read by Keras itself.

use std::process::Command;

use super::*;

/// Runs `check_archives.py` with the Python in the folder that `ASSAY_TEST_PYTHON` names, which must have Keras 3.
#[test]
fn keras_loads_what_is_written_and_predicts_the_same() {
    let folder = std::env::var("ASSAY_TEST_PYTHON")
        .expect("ASSAY_TEST_PYTHON names the folder of the outside tools; run ./test");
    let dir = tempfile::tempdir().unwrap();
    for name in MODELS {
        let archive = read_fixture(name);
        let state = state_of(&archive);
        let bytes = write(&archive, &archive.weights, &state).unwrap();
        std::fs::write(dir.path().join(format!("{name}.keras")), bytes).unwrap();
    }
    std::fs::write(
        dir.path().join("small.keras"),
        untrained(&small_config(), 3).unwrap(),
    )
    .unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/check_archives.py");
    let output = Command::new(PathBuf::from(folder).join("python"))
        .arg(script)
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
