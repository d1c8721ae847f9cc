//! Layouts and links in folders, as in-toto's tools keep them, for [`assay_attest::intoto::verify_layout`].

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::Path,
};

use assay_attest::{
    VerificationKey, hash_reader,
    intoto::{
        AnyArtifacts, ChainError, Metadata, MetadataError, Payload, Summary, fnmatch, verify_layout,
    },
    json::Limits,
    open_regular,
};
use time::OffsetDateTime;

/// What in-toto leaves out when it hashes the files around an inspection.
const LEFT_OUT: [&str; 4] = ["*.link*", ".git", "*.pyc", "*~"];

/// Files that are hashed around an inspection at most.
const MAX_FILES: usize = 1_000_000;
/// Folders within folders at most.
const MAX_DEPTH: usize = 64;

/// Why a layout was not verified.
#[derive(Debug, thiserror::Error)]
pub enum SupplyChainError {
    /// A file or folder cannot be read.
    #[error("{path}: {error}")]
    Read {
        /// The file or folder.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// The layout's file holds none.
    #[error("{path}: {error}")]
    Layout {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: MetadataError,
    },
    /// Links and layout do not hold.
    #[error(transparent)]
    Refused(#[from] ChainError),
}

impl SupplyChainError {
    /// A file or folder that cannot be read.
    fn read(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::Read {
            path: path.display().to_string(),
            error,
        }
    }
}

/// Verifies the layout in a file with the links below `links`, as of now; every owner must have signed it. The files in
/// `product` are hashed if the layout has inspections.
///
/// # Errors
/// [`SupplyChainError`]; whatever the reason, nothing is verified then.
pub fn verify(
    layout: &Path,
    links: &Path,
    owners: &[VerificationKey],
    product: &Path,
) -> Result<Summary, SupplyChainError> {
    let metadata = read_metadata(layout)?;
    let inspects =
        matches!(metadata.payload(), Payload::Layout(layout) if !layout.inspect.is_empty());
    let product = inspects
        .then(|| hash_files(product).map_err(SupplyChainError::read(product)))
        .transpose()?;
    let mut read = |path: &str| match read_limited(&links.join(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    let now = OffsetDateTime::now_utc();
    Ok(verify_layout(
        &metadata,
        owners,
        &mut read,
        product.as_ref(),
        now,
    )?)
}

/// Reads a link or a layout of any tool.
///
/// # Errors
/// [`SupplyChainError::Read`], [`SupplyChainError::Layout`].
pub fn read_metadata(path: &Path) -> Result<Metadata, SupplyChainError> {
    let bytes = read_limited(path).map_err(SupplyChainError::read(path))?;
    Metadata::parse(&bytes).map_err(|error| SupplyChainError::Layout {
        path: path.display().to_string(),
        error,
    })
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let limit = Limits::METADATA.max_bytes;
    let mut bytes = Vec::new();
    let file = open_regular(path)?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Hashes the files below a folder as in-toto does: those that links lead to as well, and no folders that links lead to;
/// a backslash in a name is a slash.
fn hash_files(dir: &Path) -> io::Result<AnyArtifacts> {
    let mut paths = BTreeSet::new();
    list_kept(dir, "", 0, &mut paths)?;
    let mut all = AnyArtifacts::new();
    for path in paths {
        let named = |error| io::Error::other(format!("{path}: {error}"));
        let file = dir.join(&path).canonicalize().map_err(named)?;
        let (digest, _) = open_regular(&file).and_then(hash_reader).map_err(named)?;
        let digests = [("sha256".to_owned(), digest.to_string())].into();
        if all.insert(path.replace('\\', "/"), digests).is_some() {
            let twice = "its name is that of another file, with a slash for a backslash";
            return Err(named(io::Error::other(twice)));
        }
    }
    Ok(all)
}

fn list_kept(
    dir: &Path,
    prefix: &str,
    depth: usize,
    paths: &mut BTreeSet<String>,
) -> io::Result<()> {
    if depth > MAX_DEPTH || paths.len() > MAX_FILES {
        return Err(io::Error::other(format!(
            "more than {MAX_FILES} files, or folders more than {MAX_DEPTH} deep"
        )));
    }
    for entry in fs::read_dir(dir.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| io::Error::other(format!("{} is no name in a link", name.display())))?;
        if LEFT_OUT.iter().any(|pattern| fnmatch(name, pattern)) {
            continue;
        }
        let path = match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list_kept(dir, &path, depth + 1, paths)?;
        } else if !kind.is_symlink() || entry.path().metadata().is_ok_and(|to| to.is_file()) {
            paths.insert(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_found_as_in_toto_finds_them() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path();
        fs::create_dir_all(base.join("a/.git/deep")).unwrap();
        for name in ["a/.git/deep/x", "a/f", "b\\c", "d.pyc", "run.12345678.link"] {
            fs::write(base.join(name), name).unwrap();
        }
        symlink("a/f", base.join("to-file")).unwrap();
        symlink("a", base.join("to-folder")).unwrap();
        symlink("nowhere", base.join("to-nothing")).unwrap();
        let found: Vec<String> = hash_files(base).unwrap().into_keys().collect();
        assert_eq!(found, ["a/f", "b/c", "to-file"]);
        fs::create_dir(base.join("b")).unwrap();
        fs::write(base.join("b/c"), "another").unwrap();
        assert!(hash_files(base).is_err());
    }
}
