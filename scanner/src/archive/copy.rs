use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use assay_attest::{Digest, Hasher};
use serde::Deserialize;
use serde_json::json;

use super::{
    Index, MANIFEST, gzip,
    header::{BLOCK, of_file},
    listed, small, wrong,
};

/// Bytes of all layers of an image at most.
const MOST_BYTES: u64 = 64 << 30;
/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// The configuration's name in the copy.
const CONFIG: &str = "config.json";

/// What an image's configuration says of its layers.
#[derive(Deserialize)]
struct Configuration {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    /// SHA-256 of each layer's plain bytes, the lowest first.
    diff_ids: Vec<String>,
}

/// Writes an archive of the image with this id to `to`, from one that is to hold it.
///
/// The id is the digest of the configuration, and that names the digest of each layer: all are compared with the bytes
/// that are written. So what is scanned is this image and nothing else, whoever can write to the first archive, and
/// whenever they do.
pub(crate) async fn copy(from: PathBuf, to: PathBuf, id: Digest) -> Result<(), String> {
    let broken_off = Flag::default();
    let seen = broken_off.0.clone();
    tokio::task::spawn_blocking(move || write(&from, &to, id, &seen))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// Tells the thread that copies when nobody waits for it any more.
#[derive(Default)]
struct Flag(Arc<AtomicBool>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write(from: &Path, to: &Path, id: Digest, broken_off: &AtomicBool) -> io::Result<()> {
    let mut file = File::open(from)?;
    let index = Index::read(&mut file)?;
    let image = listed(&mut file, &index)?;
    let config = small(&mut file, &index, &image.config)?;
    let found = Digest::of(&config);
    if found != id {
        return Err(wrong(&format!(
            "it holds the image sha256:{found}; expected sha256:{id}"
        )));
    }
    let expected = serde_json::from_slice::<Configuration>(&config)?
        .rootfs
        .diff_ids;
    if expected.len() != image.layers.len() {
        return Err(wrong(&format!(
            "it lists {} layers, and the image's configuration {}",
            image.layers.len(),
            expected.len()
        )));
    }
    let mut copy = Copy {
        to: OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(to)?,
        left: MOST_BYTES,
        broken_off,
    };
    let names: Vec<String> = (0..expected.len()).map(|at| format!("{at}.tar")).collect();
    for ((layer, name), expected) in image.layers.iter().zip(&names).zip(&expected) {
        let (at, bytes) = index.find(layer)?;
        file.seek(SeekFrom::Start(at))?;
        let found = copy.add(name, gzip::plain((&mut file).take(bytes))?)?;
        if format!("sha256:{found}") != *expected {
            return Err(wrong(&format!(
                "a layer has the digest sha256:{found}, and the image's configuration says {expected:.80}: these are \
                 not the contents of the image sha256:{id}"
            )));
        }
    }
    let manifest = json!([{ "Config": CONFIG, "RepoTags": null, "Layers": names }]).to_string();
    copy.add(CONFIG, config.as_slice())?;
    copy.add(MANIFEST, manifest.as_bytes())?;
    copy.to.write_all(&[0; 2 * BLOCK as usize])
}

/// The archive that is being written.
struct Copy<'a> {
    to: File,
    left: u64,
    broken_off: &'a AtomicBool,
}

impl Copy<'_> {
    /// Adds a file; gives its digest.
    fn add(&mut self, name: &str, mut from: impl Read) -> io::Result<Digest> {
        let start = self.to.stream_position()?;
        self.to.write_all(&[0; BLOCK as usize])?;
        let (mut hasher, mut chunk) = (Hasher::new(), vec![0; CHUNK]);
        loop {
            if self.broken_off.load(Ordering::Relaxed) {
                return Err(io::Error::other("the scan was broken off"));
            }
            let read = match from.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                break;
            }
            self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
                wrong(&format!(
                    "its layers have more than {MOST_BYTES} bytes together"
                ))
            })?;
            hasher.update(&chunk[..read]);
            self.to.write_all(&chunk[..read])?;
        }
        let (digest, bytes) = hasher.finish();
        let padding = bytes.next_multiple_of(BLOCK) - bytes;
        self.to.write_all(&vec![0; padding as usize])?;
        let end = self.to.stream_position()?;
        self.to.seek(SeekFrom::Start(start))?;
        self.to.write_all(&of_file(name, bytes))?;
        self.to.seek(SeekFrom::Start(end))?;
        Ok(digest)
    }
}
