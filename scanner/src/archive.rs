//! Archives that `docker save` wrote: which image is in one, and a copy of which every byte is the image's.

mod copy;
mod gzip;
mod header;
mod index;

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use assay_attest::{Digest, hash_reader};
use serde::Deserialize;

pub(crate) use copy::copy;
use index::Index;

/// Bytes of the list of images in an archive, and of an image's configuration, at most.
const MOST_METADATA: u64 = 4 << 20;
/// The list of images in an archive.
const MANIFEST: &str = "manifest.json";

/// What `docker save` says of an image.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "Config")]
    config: String,
    /// The files of the layers, the lowest first.
    #[serde(rename = "Layers", default)]
    layers: Vec<String>,
}

/// The id of the one image that an archive says to hold: SHA-256 of its configuration. Its layers are not looked at;
/// [`copy`] does. Blocks.
pub(crate) fn image_id(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let index = Index::read(&mut file)?;
    let image = listed(&mut file, &index)?;
    let (at, bytes) = index.find(&image.config)?;
    file.seek(SeekFrom::Start(at))?;
    let (digest, read) = hash_reader(file.take(bytes))?;
    if read == bytes {
        Ok(digest)
    } else {
        Err(wrong("it ends in the middle of a file"))
    }
}

/// The one image in an archive.
fn listed(file: &mut File, index: &Index) -> io::Result<Listed> {
    let bytes = small(file, index, MANIFEST)?;
    let mut listed: Vec<Listed> = serde_json::from_slice(&bytes)?;
    match (listed.pop(), listed.is_empty()) {
        (Some(image), true) => Ok(image),
        _ => Err(wrong("it holds several images, or none; expected one")),
    }
}

/// A small file of an archive, whole.
fn small(file: &mut File, index: &Index, name: &str) -> io::Result<Vec<u8>> {
    let (at, bytes) = index.find(name)?;
    if bytes > MOST_METADATA {
        return Err(wrong(&format!("its {name} is too large")));
    }
    file.seek(SeekFrom::Start(at))?;
    let mut read = Vec::new();
    file.take(bytes).read_to_end(&mut read)?;
    Ok(read)
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not an archive of `docker save`: {what}"),
    )
}

#[cfg(test)]
mod tests;
