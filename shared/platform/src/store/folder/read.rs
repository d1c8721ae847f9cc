//! Reading objects, and checking on the way that they are what their names say.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    ops::Range,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use assay_attest::{Digest, Hasher, hash_reader};
use bytes::Bytes;

use super::{CHUNK, Folder, blocking};
use crate::store::{StoreError, Stored, expect};

/// Reads an object, or a part of it.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    /// Away while a chunk is read; for good after an error.
    source: Option<Source>,
}

#[derive(Debug)]
struct Source {
    file: File,
    left: u64,
    /// Present when all of the object is read, so that what is read can be checked.
    check: Option<(Hasher, Digest)>,
}

impl Reader {
    pub(in crate::store) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Some(mut source) = self.source.take() else {
            return Ok(None);
        };
        let (source, chunk) = blocking(move || {
            let chunk = source.next()?;
            Ok((source, chunk))
        })
        .await?;
        self.source = (source.left > 0).then_some(source);
        Ok((!chunk.is_empty()).then(|| Bytes::from(chunk)))
    }
}

impl Source {
    fn next(&mut self) -> Result<Vec<u8>, StoreError> {
        let size = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; size];
        self.file.read_exact(&mut chunk)?;
        self.left -= size as u64;
        if let Some((mut hasher, expected)) = self.check.take() {
            hasher.update(&chunk);
            if self.left > 0 {
                self.check = Some((hasher, expected));
            } else {
                expect(expected, hasher.finish())?;
            }
        }
        Ok(chunk)
    }
}

impl Folder {
    fn open_now(&self, digest: Digest) -> Result<File, StoreError> {
        File::open(self.path(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(digest),
            _ => error.into(),
        })
    }

    pub(in crate::store) async fn reader(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<(Reader, u64), StoreError> {
        let store = self.clone();
        blocking(move || {
            let mut file = store.open_now(digest)?;
            let bytes = file.metadata()?.len();
            let Range { start, end } = range.unwrap_or(0..bytes);
            if start > end || end > bytes {
                return Err(StoreError::Range { start, end, bytes });
            }
            if start > 0 {
                file.seek(SeekFrom::Start(start))?;
            }
            let whole = start == 0 && end == bytes;
            if whole && bytes == 0 {
                expect(digest, Hasher::new().finish())?;
            }
            let source = Source {
                file,
                left: end - start,
                check: whole.then(|| (Hasher::new(), digest)),
            };
            let reader = Reader {
                source: (source.left > 0).then_some(source),
            };
            Ok((reader, bytes))
        })
        .await
    }

    pub(in crate::store) async fn read(
        &self,
        digest: Digest,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let store = self.clone();
        blocking(move || {
            let file = store.open_now(digest)?;
            let bytes = file.metadata()?.len();
            if bytes > limit {
                return Err(StoreError::TooLarge { limit });
            }
            let mut data = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
            file.take(limit).read_to_end(&mut data)?;
            expect(digest, (Digest::of(&data), bytes))?;
            Ok(data)
        })
        .await
    }

    pub(in crate::store) async fn verify(&self, digest: Digest) -> Result<Stored, StoreError> {
        let store = self.clone();
        blocking(move || expect(digest, hash_reader(store.open_now(digest)?)?)).await
    }

    pub(in crate::store) async fn fetch(
        &self,
        digest: Digest,
        to: &Path,
    ) -> Result<Stored, StoreError> {
        let (store, to) = (self.clone(), to.to_owned());
        blocking(move || {
            let object = store.open_now(digest)?;
            let fetched = match fs::hard_link(store.path(digest), &to) {
                Ok(()) => hash_reader(&object).map_err(StoreError::from),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(error.into());
                }
                Err(_) => copy_out(&object, &to).map_err(StoreError::from),
            };
            let checked = fetched.and_then(|found| expect(digest, found));
            if checked.is_err() {
                fs::remove_file(&to)?;
            }
            checked
        })
        .await
    }
}

/// Copies to a new file, read-only, hashing what passes.
fn copy_out(mut object: &File, to: &Path) -> io::Result<(Digest, u64)> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = match object.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let chunk = buffer.get(..count).unwrap_or_default();
        hasher.update(chunk);
        file.write_all(chunk)?;
    }
    file.set_permissions(Permissions::from_mode(0o444))?;
    Ok(hasher.finish())
}
