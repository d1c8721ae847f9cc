//! A model in a folder, or a model that is one file: what there is, and what its digests are.
//!
//! This and [`crate::safetensors::file`] are the parts of the crate that open files.

mod cache;
mod hash;
mod walk;

use std::path::Path;

pub use cache::DigestCache;

use super::{HashKind, Manifest, ModelSigningError, ResourcePath, statement::check_ignored};

/// What belongs to a repository and not to a model, left out unless asked for; as the reference leaves it out.
pub const GIT_PATHS: [&str; 4] = [".git", ".gitattributes", ".github", ".gitignore"];

/// What is taken into account.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Follow links to files and leave out those to folders; otherwise one is an error.
    pub allow_symlinks: bool,
    /// Paths within the model that are left out, with everything below them.
    pub ignore_paths: Vec<String>,
    /// Files of [`GIT_PATHS`] are part of the model.
    pub with_git_paths: bool,
}

impl Options {
    fn ignored(&self) -> Vec<String> {
        let git = GIT_PATHS
            .iter()
            .filter(|_| !self.with_git_paths)
            .map(|path| (*path).to_owned());
        let mut all: Vec<String> = self.ignore_paths.iter().cloned().chain(git).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Hashes a model for signing. Files that `cache` knows are not read again; the others are added to it, and what of them
/// is not on the disk yet is written there first.
///
/// # Errors
/// [`ModelSigningError`].
pub fn manifest(
    model: &Path,
    options: &Options,
    cache: Option<&mut DigestCache>,
) -> Result<Manifest, ModelSigningError> {
    let ignored = options.ignored();
    for path in &ignored {
        check_ignored(path)?;
    }
    let files = walk::look_through(model, &ignored, options.allow_symlinks)?.files;
    if files.is_empty() {
        return Err(ModelSigningError::Empty);
    }
    let known = |file| cache.as_ref().and_then(|cache| cache.find(file));
    let known = files.iter().map(known).collect();
    let hashed = hash::all(&files, known, HashKind::Sha256, cache.is_some())?;
    if let Some(cache) = cache {
        for (file, hashed) in files.iter().zip(&hashed) {
            cache.keep(file, hashed);
        }
    }
    Ok(Manifest {
        name: name_of(model),
        hash: HashKind::Sha256,
        allow_symlinks: options.allow_symlinks,
        // The reference leaves out nothing of a model that is one file, and says so.
        ignore_paths: ignored,
        resources: files
            .into_iter()
            .map(|file| file.resource)
            .zip(hashed.into_iter().map(|hashed| hashed.digest))
            .collect(),
    })
}

/// Hashes a model anew, as the manifest that was signed says; for [`Manifest::differences`].
///
/// Every file is read, whatever was known. Of `options`, links are followed if it says so, and its paths are left out
/// beside those that the manifest names. [`GIT_PATHS`] count only if it says so, as in the reference.
///
/// # Errors
/// [`ModelSigningError`].
pub fn measure(
    model: &Path,
    signed: &Manifest,
    options: &Options,
) -> Result<Manifest, ModelSigningError> {
    let mut ignored = options.ignored();
    ignored.extend(signed.ignore_paths.iter().cloned());
    let files = walk::look_through(model, &ignored, options.allow_symlinks)?.files;
    let hashed = hash::all(&files, vec![None; files.len()], signed.hash, false)?;
    Ok(Manifest {
        resources: files
            .into_iter()
            .map(|file| file.resource)
            .zip(hashed.into_iter().map(|hashed| hashed.digest))
            .collect(),
        name: name_of(model),
        ..signed.clone()
    })
}

/// Files that lie in the model and are not covered by its signature, the first few hundred, with folders as one.
///
/// # Errors
/// The file system's.
pub fn not_covered(model: &Path, signed: &Manifest) -> Result<Vec<String>, ModelSigningError> {
    let mut paths: Vec<String> = signed.ignore_paths.clone();
    paths.extend(GIT_PATHS.map(str::to_owned));
    paths.sort();
    paths.dedup();
    paths.retain(|path| model.join(path).symlink_metadata().is_ok());
    Ok(paths)
}

/// Folders that lie in the model as links. Their files are never part of it, as in the reference: with links followed,
/// a file is found through one, and a folder is not.
///
/// # Errors
/// [`ModelSigningError`].
pub fn linked_folders(model: &Path, options: &Options) -> Result<Vec<String>, ModelSigningError> {
    if !options.allow_symlinks {
        return Ok(Vec::new());
    }
    let found = walk::look_through(model, &options.ignored(), true)?;
    let mut folders = found.linked_folders;
    folders.sort();
    Ok(folders)
}

fn name_of(model: &Path) -> String {
    let named = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    named(model)
        .or_else(|| model.canonicalize().ok().as_deref().and_then(named))
        .unwrap_or_else(|| ResourcePath::only_file().to_string())
}
