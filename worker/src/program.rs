use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use assay_attest::{Digest, hash_reader};
use assay_platform::sandbox::Sandbox;

/// The program that trains.
#[derive(Debug, Clone)]
pub(crate) enum TrainerProgram {
    /// A file of this machine.
    File(ProgramFile),
    /// A file of an image, which cannot change; measured when the image was pinned.
    Image(Digest),
}

impl TrainerProgram {
    /// The one that a sandbox runs.
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        match sandbox {
            Sandbox::Process(sandbox) => Self::File(ProgramFile::new(sandbox.trainer.path.clone())),
            Sandbox::Docker(sandbox) => Self::Image(sandbox.trainer()),
        }
    }

    /// SHA-256 of it as it is now. Blocks while a file is read for the first time.
    pub(crate) fn digest(&self) -> io::Result<Digest> {
        match self {
            Self::File(file) => file.digest(),
            Self::Image(digest) => Ok(*digest),
        }
    }

    /// Where it is, for messages.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::File(file) => file.path.display().to_string(),
            Self::Image(_) => "the trainer's image".to_owned(),
        }
    }
}

/// A program's file with its SHA-256, read anew only when the file has changed.
#[derive(Debug, Clone)]
pub(crate) struct ProgramFile {
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

impl ProgramFile {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            known: Arc::default(),
        }
    }

    fn digest(&self) -> io::Result<Digest> {
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
        let program = ProgramFile::new(path.clone());
        let first = program.digest().unwrap();
        assert_eq!(first, Digest::of(b"one"));
        assert_eq!(program.digest().unwrap(), first);

        let new = folder.path().join("new");
        std::fs::write(&new, "two").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(program.digest().unwrap(), Digest::of(b"two"));
    }
}
