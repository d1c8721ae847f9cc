use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use super::Report;
use crate::{
    Digest, IMAGE_PATH, aibom::VerifiedBom, checkpoints, cores::on_all_cores, hash_reader,
    intoto::Link,
};

/// A file that the training link names.
struct Named {
    path: String,
    digest: Digest,
    /// Its bytes, as somebody trusted says.
    bytes: Option<u64>,
}

/// Reads and hashes every artifact that the `run_training` link names, on all cores.
///
/// A bundle comes from anywhere: nothing is read that is larger than a verified document says.
pub(super) fn check<R: Read>(
    training: Option<&Link>,
    bom: Option<&VerifiedBom>,
    paths: &BTreeSet<String>,
    open: impl Fn(&str) -> io::Result<R> + Sync,
    report: &mut Report,
) {
    let Some(link) = training else {
        let why = "there is no verified run_training link";
        return report.skipped(
            "artifact-digest",
            "the artifacts with the run_training link",
            why,
        );
    };
    let all = named(link, bom, report);
    let bytes = |one: &Named| one.bytes.filter(|_| paths.contains(&one.path));
    let results = on_all_cores(
        &all,
        |one| bytes(one).unwrap_or(0),
        |one| Some(compare(one.digest, bytes(one)?, || open(&one.path))),
    );
    for (one, result) in all.iter().zip(results) {
        let compared = format!("{} with the run_training link", one.path);
        match result {
            Some(result) => {
                report.made("artifact-digest", compared, result);
            }
            None if one.bytes.is_some() || !paths.contains(&one.path) => {
                report.absent("artifact-digest", compared, "it is not there");
            }
            None => {
                let why = "no verified AIBoM says how large it is, so it was not read";
                report.skipped("artifact-digest", compared, why);
            }
        }
    }
}

/// Materials, products and kept checkpoints, in the order of the report.
fn named(link: &Link, bom: Option<&VerifiedBom>, report: &mut Report) -> Vec<Named> {
    // An image's configuration is not in the bundle; its digest is compared with the scan's.
    let artifacts = link.materials.iter().chain(&link.products);
    let mut all: Vec<Named> = artifacts
        .filter(|(path, _)| *path != IMAGE_PATH)
        .map(|(path, digest)| Named {
            path: path.clone(),
            digest: *digest,
            bytes: bom.and_then(|bom| bom.sizes.get(path)).copied(),
        })
        .collect();
    match checkpoints::named(link) {
        Ok(kept) => all.extend(kept.into_iter().map(|(path, one)| Named {
            path,
            digest: one.sha256,
            bytes: Some(one.bytes),
        })),
        Err(error) => {
            let compared = "the checkpoints that the run_training link names";
            report.made("artifact-digest", compared, Err(error));
        }
    }
    all
}

fn compare<R: Read>(
    expected: Digest,
    bytes: u64,
    open: impl FnOnce() -> io::Result<R>,
) -> Result<(), String> {
    let limited = |reader: R| hash_reader(reader.take(bytes.saturating_add(1)));
    match open().and_then(limited) {
        Ok((_, read)) if read > bytes => Err(format!(
            "it has more than the {bytes} bytes that the proof names"
        )),
        Ok((found, _)) if found == expected => Ok(()),
        Ok((found, _)) => Err(format!("it has SHA-256 {found}; the link names {expected}")),
        Err(error) => Err(error.to_string()),
    }
}
