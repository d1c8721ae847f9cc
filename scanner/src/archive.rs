//! Archives that `docker save` wrote: which image is in one. Trivy reads the rest.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use assay_attest::{Digest, hash_reader};
use serde::Deserialize;

/// Bytes of a tar header, and what entries are padded to (POSIX.1-1988 ustar).
const BLOCK: u64 = 512;
/// Entries of an archive at most; an image has a few for each layer.
const MOST_ENTRIES: usize = 10_000;
/// Bytes of the list of images in an archive at most.
const MOST_MANIFEST: u64 = 4 << 20;
/// The list of images in an archive.
const MANIFEST: &str = "manifest.json";

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Config")]
    config: String,
}

/// The id of the one image in an archive: SHA-256 of its configuration. Blocks.
pub(crate) fn image_id(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let (at, bytes) = entry(&mut file, MANIFEST)?;
    if bytes > MOST_MANIFEST {
        return Err(wrong("its manifest.json is too large"));
    }
    file.seek(SeekFrom::Start(at))?;
    let listed: Vec<Listed> = serde_json::from_reader((&mut file).take(bytes))?;
    let [image] = listed.as_slice() else {
        return Err(wrong("it holds several images, or none; expected one"));
    };
    let (at, bytes) = entry(&mut file, &image.config)?;
    file.seek(SeekFrom::Start(at))?;
    let (digest, read) = hash_reader(file.take(bytes))?;
    if read == bytes {
        Ok(digest)
    } else {
        Err(wrong("it ends in the middle of a file"))
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not an archive of `docker save`: {what}"),
    )
}

/// Where the bytes of a plain file begin, and how many they are.
fn entry(file: &mut File, name: &str) -> io::Result<(u64, u64)> {
    let mut at = 0_u64;
    for _ in 0..MOST_ENTRIES {
        file.seek(SeekFrom::Start(at))?;
        let mut header = [0; BLOCK as usize];
        file.read_exact(&mut header)
            .map_err(|_| wrong(&format!("{name} is not in it")))?;
        let (found, plain, bytes) = read_header(&header)?;
        at = at.saturating_add(BLOCK);
        if plain && found == name {
            return Ok((at, bytes));
        }
        at = bytes
            .checked_next_multiple_of(BLOCK)
            .and_then(|padded| at.checked_add(padded))
            .ok_or_else(|| wrong("an entry has no possible size"))?;
    }
    Err(wrong("it has too many entries"))
}

/// Name, whether it is a plain file, and size.
fn read_header(header: &[u8; BLOCK as usize]) -> io::Result<(String, bool, u64)> {
    let text = |field: &[u8]| {
        let end = field.iter().position(|byte| *byte == 0);
        String::from_utf8_lossy(&field[..end.unwrap_or(field.len())]).into_owned()
    };
    let (name, prefix) = (text(&header[..100]), text(&header[345..500]));
    let name = if prefix.is_empty() {
        name
    } else {
        format!("{prefix}/{name}")
    };
    let size = &header[124..136];
    let bytes = if size[0] & 0x80 == 0 {
        // Octal, ended by a space or a zero.
        let digits = text(size);
        let digits = digits.trim();
        if digits.is_empty() {
            Ok(0)
        } else {
            u64::from_str_radix(digits, 8)
        }
    } else {
        // GNU's way for files of 8 GiB and more: a big-endian number.
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&size[4..]);
        Ok(u64::from_be_bytes(bytes))
    };
    let bytes = bytes.map_err(|_| wrong("an entry has no possible size"))?;
    Ok((name, matches!(header[156], b'0' | 0), bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (name, bytes) in files {
            let mut header = [0; 512];
            header[..name.len()].copy_from_slice(name.as_bytes());
            header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
            header[156] = b'0';
            file.write_all(&header).unwrap();
            file.write_all(bytes).unwrap();
            let padding = bytes.len().next_multiple_of(512) - bytes.len();
            file.write_all(&vec![0; padding]).unwrap();
        }
        file
    }

    #[test]
    fn the_id_is_the_digest_of_the_configuration() {
        let manifest = br#"[{"Config":"c.json","RepoTags":null,"Layers":[]}]"#;
        let file = archive(&[
            ("layer.tar", &[7; 1000]),
            ("manifest.json", manifest),
            ("c.json", b"{}"),
        ]);
        assert_eq!(image_id(file.path()).unwrap(), Digest::of(b"{}"));
    }

    #[test]
    fn what_is_no_archive_of_one_image_is_refused() {
        let two = br#"[{"Config":"c.json"},{"Config":"c.json"}]"#;
        for files in [
            &[][..],
            &[("other", b"x" as &[u8])][..],
            &[("manifest.json", b"no json" as &[u8])][..],
            &[("manifest.json", two as &[u8]), ("c.json", b"{}")][..],
            &[("manifest.json", br#"[{"Config":"gone"}]"# as &[u8])][..],
        ] {
            assert!(image_id(archive(files).path()).is_err(), "{files:?}");
        }
        let mut endless = tempfile::NamedTempFile::new().unwrap();
        let mut header = [0; 512];
        header[0] = b'x';
        header[124..136].copy_from_slice(&[0xff; 12]);
        endless.write_all(&header).unwrap();
        assert!(image_id(endless.path()).is_err());
    }
}
