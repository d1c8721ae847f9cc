//! `assay model sign`.

use std::{collections::BTreeMap, fs::File, io, path::Path, process::ExitCode};

use anyhow::{Context, bail};
use assay_attest::{
    model_signing::folder::{DigestCache, Options, linked_folders, manifest},
    read_regular,
    safetensors::{
        Claims,
        file::{Rewritten, open, sign},
    },
    tensors::fingerprint,
};
use serde_json::json;

use super::{Files, Sign, keys};
use crate::output::{Output, shown};

/// Bytes of a file of digests at most.
const MAX_CACHE_BYTES: u64 = 256 << 20;

pub(super) fn run(output: Output, asked: &Sign) -> anyhow::Result<ExitCode> {
    match &asked.signature {
        Some(signature) => beside(output, asked, signature),
        None if asked.path.is_dir() => {
            bail!(
                "{} is a folder; say where to write its signature (--signature model.sig)",
                asked.path.display()
            )
        }
        None => inside(output, asked),
    }
}

/// A signature file over a folder or a file.
fn beside(output: Output, asked: &Sign, signature: &Path) -> anyhow::Result<ExitCode> {
    let key = keys::private(&asked.key)?;
    let chain = keys::chain(asked.certificate.as_deref())?;
    let mut options = options(&asked.path, &asked.files)?;
    options.ignore_paths.extend(within(&asked.path, signature));
    let mut cache = read_cache(asked.digest_cache.as_deref())?;
    let kept = asked.digest_cache.is_some().then_some(&mut cache);
    let found = manifest(&asked.path, &options, kept)?;
    let left_out = linked_folders(&asked.path, &options)?;
    let bundle = found.sign(&keys::signer(&key, &chain))?;
    write(signature, &bundle)?;
    if let Some(file) = &asked.digest_cache {
        write(file, &cache.to_bytes())?;
    }
    output.value(&json!({
        "signature": signature, "files": found.resources.len(), "digest": found.digest(),
        "ignored": found.ignore_paths, "linked_folders": left_out,
    }))?;
    if !left_out.is_empty() {
        output.say(format!(
            "not signed, as they are links to folders: {}",
            shown(&left_out.join(", "))
        ));
    }
    output.say(format!(
        "{} files signed, digest {}: {}",
        found.resources.len(),
        found.digest(),
        signature.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// A signature within a safetensors file.
fn inside(output: Output, asked: &Sign) -> anyhow::Result<ExitCode> {
    let key = keys::private(&asked.key)?;
    let chain = keys::chain(asked.certificate.as_deref())?;
    let given = &asked.claims;
    let claims = Claims {
        name: given.name.clone(),
        version: given.model_version.clone(),
        identity: given.identity.clone(),
        issuer: given.issuer.clone(),
    };
    let mut set = BTreeMap::new();
    // The keys under which safemodels looks for them.
    set.extend(claims.name.clone().map(|name| ("name".to_owned(), name)));
    set.extend(
        claims
            .version
            .clone()
            .map(|version| ("version".to_owned(), version)),
    );
    let named = || asked.path.display().to_string();
    if given.with_safe_hash {
        let (file, header) = open(&asked.path).with_context(named)?;
        set.insert("hash".to_owned(), fingerprint(&file, &header.weights)?);
    }
    let (statement, rewritten) =
        sign(&asked.path, &keys::signer(&key, &chain), claims, &set).with_context(named)?;
    output.value(&json!({
        "tensor_digest": statement.tensors, "tensors": statement.count,
        "in_place": rewritten == Rewritten::InPlace,
    }))?;
    output.say(format!(
        "{} tensors signed in {}, tensor digest {}",
        statement.count,
        asked.path.display(),
        statement.tensors
    ));
    Ok(ExitCode::SUCCESS)
}

/// What counts as the model; paths become relative to it.
pub(super) fn options(model: &Path, files: &Files) -> anyhow::Result<Options> {
    let mut options = Options {
        allow_symlinks: files.allow_symlinks,
        with_git_paths: files.with_git_paths,
        ignore_paths: Vec::new(),
    };
    for path in &files.ignore {
        match within(model, path) {
            Some(path) => options.ignore_paths.push(path),
            None => bail!(
                "{} does not lie in {}; there is nothing to leave out",
                path.display(),
                model.display()
            ),
        }
    }
    Ok(options)
}

/// A path relative to the model, if it lies in it.
pub(super) fn within(model: &Path, path: &Path) -> Option<String> {
    let name = path.file_name()?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    // The file itself need not be there yet.
    let folder = folder
        .unwrap_or_else(|| Path::new("."))
        .canonicalize()
        .ok()?;
    let whole = folder.join(name);
    let relative = whole.strip_prefix(model.canonicalize().ok()?).ok()?;
    relative
        .to_str()
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

fn read_cache(path: Option<&Path>) -> anyhow::Result<DigestCache> {
    let Some(path) = path else {
        return Ok(DigestCache::default());
    };
    match read_regular(path, MAX_CACHE_BYTES) {
        Ok(bytes) => DigestCache::parse(&bytes)
            .with_context(|| format!("{} is no file of digests; remove it", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DigestCache::default()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Writes a file whole, or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let named = || format!("cannot write {}", path.display());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder).with_context(named)?;
    io::Write::write_all(&mut new, bytes).with_context(named)?;
    new.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .with_context(named)?;
    new.as_file().sync_all().with_context(named)?;
    new.persist(path).with_context(named)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(named)
}
