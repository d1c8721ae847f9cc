//! Layouts and links in folders, as in-toto's tools keep them, for [`assay_attest::intoto::verify_layout`].

use std::{
    collections::BTreeSet,
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

use crate::bundle::list;

/// What in-toto leaves out when it hashes the files around an inspection.
const LEFT_OUT: [&str; 4] = ["*.link*", ".git", "*.pyc", "*~"];

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

fn hash_files(dir: &Path) -> io::Result<AnyArtifacts> {
    let mut paths = BTreeSet::new();
    list(dir, "", 0, &mut paths)?;
    let left_out = |path: &String| {
        path.split('/')
            .any(|name| LEFT_OUT.iter().any(|pattern| fnmatch(name, pattern)))
    };
    let kept = paths.into_iter().filter(|path| !left_out(path));
    kept.map(|path| {
        let named = |error| io::Error::other(format!("{path}: {error}"));
        let (digest, _) = open_regular(&dir.join(&path))
            .and_then(hash_reader)
            .map_err(named)?;
        let digests = [("sha256".to_owned(), digest.to_string())].into();
        Ok((path, digests))
    })
    .collect()
}
