use std::{
    collections::BTreeSet,
    io::{self, Read},
};

use time::OffsetDateTime;

use super::{LinkFile, ProofFiles, Report, VerifiedProof, digests, verify_proof};
use crate::{ArtifactPath, IMAGE_PATH, Role, Trust, checkpoints, intoto::Link, json::Limits};

/// The signed layout's file in a bundle.
pub const LAYOUT_FILE: &str = "layout.json";
/// The AIBoM's file in a bundle.
pub const AIBOM_FILE: &str = "aibom.json";
/// The file of the AIBoM's detached signature in a bundle.
pub const AIBOM_SIGNATURE_FILE: &str = "aibom.sig";
/// The file of a model's signed Statements in a bundle.
pub const STATEMENTS_FILE: &str = "bundle.jsonl";
/// Bytes of that file at most: an AIBoM in base64, and as much again.
const MAX_STATEMENTS_BYTES: usize = 48 << 20;
/// The file of the model signature over the outputs in a bundle.
pub const MODEL_SIGNATURE_FILE: &str = "model.sig";
/// Links looked at in one bundle: far more than there are steps and workers to witness one job.
const MAX_LINKS: usize = 64;
/// Bytes of a detached signature at most; a P-256 one has 72.
const MAX_SIGNATURE_BYTES: usize = 256;
/// Bytes of a model signature at most; one over the outputs has some 3 kB.
const MAX_BUNDLE_BYTES: usize = 64 << 10;

/// A bundle that was looked at.
#[derive(Debug, Clone, Default)]
pub struct VerifiedBundle {
    /// Every check.
    pub report: Report,
    /// The `run_training` link, if its signature holds. Nothing else about it need hold: see the report.
    pub training: Option<Link>,
}

/// As [`examine_bundle`], the report alone.
pub fn verify_bundle<R: Read>(
    paths: &BTreeSet<String>,
    open: impl Fn(&str) -> io::Result<R> + Sync,
    trust: &Trust,
    now: OffsetDateTime,
) -> Report {
    examine_bundle(paths, open, trust, now).report
}

/// Verifies a whole bundle, offline.
///
/// Makes every check of [`verify_proof`], then `artifact-digest` for each artifact that the links name (read and hashed
/// once, on all cores, no further than the size that AIBoM or link name), and `bundle-files`: nothing else is in the
/// bundle.
///
/// `paths` are all files of the bundle, relative to it, with `/`; `open` opens one of them and must not follow links
/// out of the bundle. Only paths that are in `paths` are opened.
pub fn examine_bundle<R: Read>(
    paths: &BTreeSet<String>,
    open: impl Fn(&str) -> io::Result<R> + Sync,
    trust: &Trust,
    now: OffsetDateTime,
) -> VerifiedBundle {
    let mut unreadable = Vec::new();
    let mut read = |path: &str, limit: usize| {
        let bytes = paths
            .contains(path)
            .then(|| open(path).and_then(|reader| read_limited(reader, limit)))?;
        bytes
            .map_err(|error| unreadable.push(format!("{path}: {error}")))
            .ok()
    };
    let layout = read(LAYOUT_FILE, Limits::METADATA.max_bytes);
    let links: Vec<(&String, Vec<u8>)> = link_names(paths)
        .filter_map(|name| Some((name, read(name, Limits::METADATA.max_bytes)?)))
        .collect();
    let aibom = read(AIBOM_FILE, Limits::BOM.max_bytes);
    let signature = read(AIBOM_SIGNATURE_FILE, MAX_SIGNATURE_BYTES);
    let statements = read(STATEMENTS_FILE, MAX_STATEMENTS_BYTES);
    let model_signature = read(MODEL_SIGNATURE_FILE, MAX_BUNDLE_BYTES);
    let is_parameters =
        |path: &&String| ArtifactPath::parse(path).is_ok_and(|path| path.role == Role::Parameters);
    let parameters = paths
        .iter()
        .find(is_parameters)
        .and_then(|path| read(path, Limits::METADATA.max_bytes));
    let files = ProofFiles {
        layout: layout.as_deref(),
        links: links
            .iter()
            .map(|(name, bytes)| LinkFile { name, bytes })
            .collect(),
        aibom: aibom.as_deref(),
        aibom_signature: signature.as_deref(),
        model_signature: model_signature.as_deref(),
        parameters: parameters.as_deref(),
        statements: statements.as_deref(),
    };
    let proof = verify_proof(&files, trust, now);
    let known = known_paths(&proof, &files);
    let mut report = proof.report;
    if !unreadable.is_empty() {
        report.made(
            "bundle-files",
            "the files of the bundle",
            Err(unreadable.join("; ")),
        );
    }
    digests::check(
        proof.training.as_ref(),
        proof.bom.as_ref(),
        paths,
        open,
        &mut report,
    );
    check_nothing_else(paths, &known, proof.training.is_some(), &mut report);
    VerifiedBundle {
        report,
        training: proof.training,
    }
}

/// The files at the top that are called links; no more of them than there could be.
fn link_names(paths: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    let links = paths
        .iter()
        .filter(|path| path.ends_with(".link") && !path.contains('/'));
    links.take(MAX_LINKS)
}

/// Reads all, or fails when it is more than `limit` bytes.
fn read_limited(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Every path that something verified names.
fn known_paths(proof: &VerifiedProof, files: &ProofFiles<'_>) -> BTreeSet<String> {
    let own = [
        LAYOUT_FILE,
        AIBOM_FILE,
        AIBOM_SIGNATURE_FILE,
        STATEMENTS_FILE,
    ];
    let mut known: BTreeSet<String> = own.map(str::to_owned).into();
    if files.model_signature.is_some() {
        // It has a check of its own, whether something verified names it or not.
        known.insert(MODEL_SIGNATURE_FILE.to_owned());
    }
    // A link that is not verified has failed a check of its own.
    known.extend(files.links.iter().map(|file| file.name.to_owned()));
    let links = [&proof.ingest, &proof.training].into_iter().flatten();
    known.extend(
        links
            .flat_map(|link| link.materials.keys().chain(link.products.keys()))
            .filter(|path| *path != IMAGE_PATH)
            .cloned(),
    );
    // What is malformed fails a check of its own.
    let kept = proof.training.as_ref().map(checkpoints::named);
    known.extend(
        kept.and_then(Result::ok)
            .unwrap_or_default()
            .into_iter()
            .map(|(path, _)| path),
    );
    known
}

fn check_nothing_else(
    paths: &BTreeSet<String>,
    known: &BTreeSet<String>,
    complete: bool,
    report: &mut Report,
) {
    let compared = "the files of the bundle with those that the links name";
    if !complete {
        return report.skipped(
            "bundle-files",
            compared,
            "there is no verified run_training link",
        );
    }
    let others: Vec<&str> = paths
        .difference(known)
        .map(String::as_str)
        .take(20)
        .collect();
    let result = if others.is_empty() {
        Ok(())
    } else {
        Err(format!("nothing verified names {}", others.join(", ")))
    };
    report.made("bundle-files", compared, result);
}
