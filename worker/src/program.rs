use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use assay_attest::{Digest, hash_reader};

/// SHA-256 of the program that trains, read anew only when its file has changed.
#[derive(Debug, Clone)]
pub(crate) struct TrainerProgram {
    path: PathBuf,
    known: Arc<Mutex<Option<(Identity, Digest)>>>,
}

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl TrainerProgram {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The digest of the file as it is now. Blocks while it is read for the first time.
    pub(crate) fn digest(&self) -> io::Result<Digest> {
        let file = File::open(&self.path)?;
        let meta = file.metadata()?;
        let identity = Identity {
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.size(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        };
        // A poisoned lock only means that another reader panicked; the pair inside is whole.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, digest)) = *known
            && seen == identity
        {
            return Ok(digest);
        }
        let (digest, _) = hash_reader(file)?;
        *known = Some((identity, digest));
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_program_that_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trainer");
        std::fs::write(&path, "one").unwrap();
        let program = TrainerProgram::new(path.clone());
        let first = program.digest().unwrap();
        assert_eq!(first, Digest::of(b"one"));
        assert_eq!(program.digest().unwrap(), first);

        let new = folder.path().join("new");
        std::fs::write(&new, "two").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(program.digest().unwrap(), Digest::of(b"two"));
    }
}
