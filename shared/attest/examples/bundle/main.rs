//! Writes a signed bundle for a job that never ran, and verifies it: how to use the crate alone.
//!
//! `cargo run -p assay-attest --example bundle -- DIR` leaves `DIR/bundle/` and `DIR/trust/`; with a second word `scan`
//! the job's image was scanned.

mod sample;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use assay_attest::verify::verify_bundle;
use sample::{Job, Keys, now};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("usage: bundle DIR")?);
    let keys = Keys::generate();
    let job = match std::env::args().nth(2).as_deref() {
        Some("scan") => Job::scanned(&keys),
        _ => Job::sample(&keys),
    };
    let files = job.sign(&keys)?;
    for (path, bytes) in &files {
        write(&dir.join("bundle").join(path), bytes)?;
    }
    let trust = keys.trust()?;
    write(&dir.join("trust/trust.json"), trust.to_json()?.as_bytes())?;
    for (name, key) in [
        ("owner", &keys.owner),
        ("api", &keys.api),
        ("worker", &keys.worker),
        ("scanner", &keys.scanner),
        ("platform", &keys.platform),
    ] {
        write(
            &dir.join(format!("trust/{name}.pub")),
            key.public().to_pem().as_bytes(),
        )?;
        write(
            &dir.join(format!("secrets/{name}.pem")),
            key.to_pkcs8_pem()?.as_bytes(),
        )?;
    }
    let paths = files.keys().cloned().collect();
    let report = verify_bundle(
        &paths,
        |path| fs::File::open(dir.join("bundle").join(path)),
        &trust,
        now(),
    );
    let text = serde_json::to_string_pretty(&report)?;
    write(&dir.join("report.json"), text.as_bytes())?;
    if report.is_verified() {
        Ok(())
    } else {
        Err(text.into())
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
