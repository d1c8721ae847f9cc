//! The zip around a Keras model: exactly `config.json`, `metadata.json` and `model.weights.h5`.

use std::io::{Cursor, Read, Write};

use assay_protocol::Fault;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::fault;

pub(super) const CONFIG: &str = "config.json";
pub(super) const METADATA: &str = "metadata.json";
pub(super) const WEIGHTS: &str = "model.weights.h5";
const ENTRIES: [&str; 3] = [CONFIG, METADATA, WEIGHTS];

/// Deflate cannot honestly reach this on floats; zeros alone are no reason to unpack gigabytes.
const MAX_RATIO: u64 = 200;
/// Below this an entry may be packed as tightly as it likes.
const RATIO_FREE_BYTES: u64 = 4 << 20;
/// End-of-central-directory record: its fixed length and its longest comment.
const END_RECORD: usize = 22;
const MAX_COMMENT: usize = 65_535;

/// An opened archive whose directory was checked.
pub(super) struct Container<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
}

impl<'b> Container<'b> {
    /// Opens the archive and checks its directory before anything is unpacked.
    pub(super) fn open(bytes: &'b [u8]) -> Result<Self, Fault> {
        if !bytes.starts_with(b"PK\x03\x04") {
            return Err(fault::malformed(
                "the model is not a .keras archive (a zip file); save it with model.save(\"model.keras\")",
            ));
        }
        // Before the directory is read: the parser keeps every entry in memory.
        if entry_count(bytes).is_none_or(|n| n > ENTRIES.len()) {
            return Err(unexpected("it does not hold exactly three files"));
        }
        let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e.to_string()))?;
        if zip.len() != ENTRIES.len() || zip.has_duplicate_names() {
            return Err(unexpected("it does not hold exactly three files"));
        }
        for i in 0..zip.len() {
            let entry = zip.by_index_raw(i).map_err(|e| broken(&e.to_string()))?;
            let known = ENTRIES.iter().any(|n| n.as_bytes() == entry.name_raw());
            if !known {
                let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
                return Err(unexpected(&format!("it holds {:?}", fault::short(&name))));
            }
            let method = entry.compression();
            let readable = matches!(
                method,
                CompressionMethod::Stored | CompressionMethod::Deflated
            );
            if entry.encrypted() || !entry.is_file() || !readable {
                return Err(unexpected(
                    "a file in it is encrypted, a link or packed by another method than deflate",
                ));
            }
        }
        if zip
            .has_overlapping_entries()
            .map_err(|e| broken(&e.to_string()))?
        {
            return Err(broken("its files overlap"));
        }
        Ok(Self { zip })
    }

    /// Unpacks one file of at most `max` bytes; its checksum is checked.
    pub(super) fn read(&mut self, name: &str, max: u64) -> Result<Vec<u8>, Fault> {
        let entry = self.zip.by_name(name).map_err(|e| broken(&e.to_string()))?;
        let (size, packed) = (entry.size(), entry.compressed_size());
        if size > max {
            return Err(Fault::model(
                "limit.model_bytes",
                format!("{name} has {size} bytes; at most {max} fit this model"),
            ));
        }
        if size > RATIO_FREE_BYTES && size / MAX_RATIO > packed {
            return Err(Fault::model(
                "limit.model_bytes",
                format!(
                    "{name} unpacks to more than {MAX_RATIO} times its size; store it unpacked"
                ),
            ));
        }
        // The size is the archive's own claim, so it bounds the read but reserves at most what is packed.
        let reserve = usize::try_from(size.min(packed.saturating_mul(2))).unwrap_or_default();
        let mut out = Vec::with_capacity(reserve);
        entry
            .take(size.saturating_add(1))
            .read_to_end(&mut out)
            .map_err(|e| broken(&format!("{name}: {e}")))?;
        if out.len() as u64 != size {
            return Err(broken(&format!(
                "{name} is not as long as the directory says"
            )));
        }
        Ok(out)
    }
}

/// The number of entries that the end-of-central-directory record gives (APPNOTE 4.3.16).
fn entry_count(bytes: &[u8]) -> Option<usize> {
    let tail = bytes.get(bytes.len().saturating_sub(END_RECORD + MAX_COMMENT)..)?;
    let at = tail.windows(4).rposition(|w| w == b"PK\x05\x06")?;
    let count = tail.get(at + 10..at + 12)?;
    Some(usize::from(u16::from_le_bytes([
        *count.first()?,
        *count.get(1)?,
    ])))
}

/// Packs the three files, unpacked and with constant times, so that equal content gives equal bytes.
pub(super) fn pack(metadata: &[u8], config: &[u8], weights: &[u8]) -> Result<Vec<u8>, Fault> {
    let fail = |e: zip::result::ZipError| {
        Fault::without_field("trainer.archive", format!("packing the model: {e}"))
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::with_capacity(
        weights.len() + config.len() + metadata.len() + 1024,
    )));
    for (name, content) in [(METADATA, metadata), (CONFIG, config), (WEIGHTS, weights)] {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::DEFAULT)
            .unix_permissions(0o644)
            .large_file(content.len() as u64 >= u64::from(u32::MAX));
        zip.start_file(name, options).map_err(fail)?;
        zip.write_all(content).map_err(|e| {
            Fault::without_field("trainer.archive", format!("packing the model: {e}"))
        })?;
    }
    Ok(zip.finish().map_err(fail)?.into_inner())
}

fn broken(what: &str) -> Fault {
    fault::malformed(format!(
        "the .keras archive cannot be read: {}",
        fault::short(what)
    ))
}

fn unexpected(what: &str) -> Fault {
    Fault::model(
        "model.unexpected_file",
        format!(
            "a .keras archive holds config.json, metadata.json and model.weights.h5 and nothing else, but {what}"
        ),
    )
}
