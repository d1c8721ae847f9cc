use std::{collections::BTreeMap, fmt};

use super::ResourcePath;
use crate::{Digest, Hasher};

/// How the files of a model were hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashKind {
    /// SHA-256. What is signed here, and the only kind that the reference's command line verifies.
    Sha256,
    /// `BLAKE2b` of 64 bytes.
    Blake2b,
    /// BLAKE3 of 32 bytes.
    Blake3,
}

impl HashKind {
    /// The name in a statement.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Blake2b, Self::Blake3]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Bytes of a digest.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 32,
            Self::Blake2b => 64,
        }
    }
}

/// The files of a model and their digests, and how they were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The model's name: of the folder or file. For people; nothing is compared with it.
    pub name: String,
    /// What the digests are.
    pub hash: HashKind,
    /// Whether links were followed.
    pub allow_symlinks: bool,
    /// Paths within the model that are not covered, with everything below them.
    pub ignore_paths: Vec<String>,
    /// Each file's digest.
    pub resources: BTreeMap<ResourcePath, Vec<u8>>,
}

/// One way in which a model is not what was signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A file has other content.
    Changed(String),
    /// A file that was not signed.
    Added(String),
    /// A file that was signed is not there.
    Missing(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(path) => write!(f, "{path} is not what was signed"),
            Self::Added(path) => write!(f, "{path} was not signed"),
            Self::Missing(path) => write!(f, "{path} was signed and is not there"),
        }
    }
}

impl Manifest {
    /// A manifest of files whose SHA-256 is known.
    pub fn of(name: &str, files: impl IntoIterator<Item = (ResourcePath, Digest)>) -> Self {
        Self {
            name: name.to_owned(),
            hash: HashKind::Sha256,
            allow_symlinks: false,
            ignore_paths: Vec::new(),
            resources: files
                .into_iter()
                .map(|(path, digest)| (path, digest.as_bytes().to_vec()))
                .collect(),
        }
    }

    /// The digest of the whole model: SHA-256 over the files' digests, one after the other.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for digest in self.resources.values() {
            hasher.update(digest);
        }
        hasher.finish().0
    }

    /// What differs between the files that were signed (`self`) and those that were found.
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        let mut all = Vec::new();
        for (path, digest) in &self.resources {
            match found.resources.get(path) {
                None => all.push(Difference::Missing(path.to_string())),
                Some(other) if other != digest => all.push(Difference::Changed(path.to_string())),
                Some(_) => {}
            }
        }
        let added = found
            .resources
            .keys()
            .filter(|path| !self.resources.contains_key(path));
        all.extend(added.map(|path| Difference::Added(path.to_string())));
        all
    }
}
