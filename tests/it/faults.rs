//! The fault program, short: the long run is by hand (`assay-faults --help`).

use std::process::Command;

/// What all random choices come from. Another one strikes in another order.
const SEED: &str = "7";

#[test]
fn nothing_is_lost_or_doubled_while_everything_is_struck() {
    let program = super::support::assay().with_file_name("assay-faults");
    let output = Command::new(&program)
        .args(["--jobs", "40", "--per-phase", "1", "--seed", SEED])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
