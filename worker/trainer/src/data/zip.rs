//! Zip archives from strangers: the central directory is checked as a whole before anything is unpacked.
//!
//! Written for this one purpose instead of taken from a library, so that counts and sizes are checked
//! before they are allocated, overlapping entries are seen, and entries can be unpacked side by side.
//! Format: PKWARE APPNOTE 6.3.10 (stored and deflated entries, zip64).

use std::collections::HashSet;
use std::io::Read;

use assay_protocol::{DataLimits, Fault, deceives};

mod directory;
#[cfg(test)]
pub(super) mod tests;

use directory::Record;

/// Longest entry name in bytes.
const MAX_NAME_BYTES: usize = 1024;
/// Entries smaller than this may be compressed as well as they like.
const RATIO_FREE_BYTES: u64 = 1 << 20;
/// Deflate cannot do better than 1032 to 1, and no real image comes near it.
const MAX_RATIO: u64 = 200;

/// An archive whose directory has passed every check.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    /// Files and folders in the order of the directory.
    pub(super) entries: Vec<Entry<'a>>,
}

/// One file or folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// A relative path with `/`; a folder's ends in one.
    pub(super) name: &'a str,
    data: &'a [u8],
    deflated: bool,
    size: u64,
    crc: u32,
}

fn fault(code: &'static str, message: impl Into<String>) -> Fault {
    Fault::dataset(code, message)
}

impl<'a> Archive<'a> {
    /// Opens an archive.
    ///
    /// # Errors
    /// `dataset.zip_*`, naming the entry at fault.
    pub(super) fn open(bytes: &'a [u8], limits: &DataLimits) -> Result<Self, Fault> {
        let directory = directory::locate(bytes)?;
        if directory.count > limits.zip_entries {
            return Err(fault(
                "dataset.zip_entries",
                format!(
                    "the zip has {} entries, but at most {} are read",
                    directory.count, limits.zip_entries
                ),
            ));
        }
        let records = directory.records()?;
        let mut names = HashSet::with_capacity(records.len());
        let mut total = 0u64;
        for record in &records {
            check(record, limits)?;
            total = total.saturating_add(record.size);
            if !names.insert(record.name.trim_end_matches('/')) {
                return Err(fault(
                    "dataset.zip_duplicate",
                    format!("the zip has two entries of the name {:?}", record.name),
                ));
            }
        }
        if total > limits.zip_total_bytes {
            return Err(fault(
                "dataset.zip_too_large",
                format!(
                    "the zip unpacks to {total} bytes, but at most {} are read",
                    limits.zip_total_bytes
                ),
            ));
        }
        let ranges = directory.data_ranges(&records)?;
        let entries = records
            .iter()
            .zip(ranges)
            .map(|(record, data)| Entry {
                name: record.name,
                data,
                deflated: record.method == directory::DEFLATED,
                size: record.size,
                crc: record.crc,
            })
            .collect();
        Ok(Self { entries })
    }
}

impl Entry<'_> {
    /// Whether it is a folder.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    /// The unpacked bytes: as many as the directory says, with the checksum that it says.
    pub(super) fn unpack(&self) -> Result<Vec<u8>, Fault> {
        let lies = || {
            fault(
                "dataset.zip_malformed",
                format!(
                    "entry {:?} does not unpack to the bytes that the zip's directory promises",
                    self.name
                ),
            )
        };
        let mut bytes = Vec::new();
        if self.deflated {
            // A lying size costs no memory: the buffer grows with what really comes out, up to one byte more.
            flate2::read::DeflateDecoder::new(self.data)
                .take(self.size.saturating_add(1))
                .read_to_end(&mut bytes)
                .map_err(|_| lies())?;
        } else {
            bytes.extend_from_slice(self.data);
        }
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        if bytes.len() as u64 != self.size || crc.sum() != self.crc {
            return Err(lies());
        }
        Ok(bytes)
    }
}

/// The checks of one directory record by itself.
fn check(record: &Record<'_>, limits: &DataLimits) -> Result<(), Fault> {
    let name = record.name;
    check_name(name)?;
    if record.encrypted {
        return Err(fault(
            "dataset.zip_encrypted",
            format!("entry {name:?} is encrypted; hand in an open zip"),
        ));
    }
    if !record.is_plain {
        return Err(fault(
            "dataset.zip_link",
            format!("entry {name:?} is a link or a device; only files and folders are read"),
        ));
    }
    if record.method != directory::STORED && record.method != directory::DEFLATED {
        return Err(fault(
            "dataset.zip_method",
            format!(
                "entry {name:?} is compressed with method {}; use deflate",
                record.method
            ),
        ));
    }
    if record.size > limits.zip_entry_bytes {
        return Err(fault(
            "dataset.zip_too_large",
            format!(
                "entry {name:?} unpacks to {} bytes, but at most {} are read",
                record.size, limits.zip_entry_bytes
            ),
        ));
    }
    let folder_with_data = name.ends_with('/') && record.size > 0;
    let stored_lies = record.method == directory::STORED && record.size != record.compressed;
    if folder_with_data || stored_lies {
        return Err(fault(
            "dataset.zip_malformed",
            format!("entry {name:?} contradicts itself in its sizes"),
        ));
    }
    if record.size > RATIO_FREE_BYTES && record.size / MAX_RATIO > record.compressed {
        return Err(fault(
            "dataset.zip_bomb",
            format!(
                "entry {name:?} unpacks {} bytes to {}, which no image does",
                record.compressed, record.size
            ),
        ));
    }
    Ok(())
}

/// A name that would stay below the folder it is unpacked to. Nothing is unpacked to disk here, but the
/// same file goes to people who will.
fn check_name(name: &str) -> Result<(), Fault> {
    let refuse = |why: &str| {
        let shown: String = name.chars().take(200).collect();
        Err(fault(
            "dataset.zip_name",
            format!("the zip has an entry named {shown:?}, which {why}"),
        ))
    };
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return refuse("is empty or longer than 1024 bytes");
    }
    if name.starts_with('/') {
        return refuse("is an absolute path");
    }
    if name.contains('\\') || name.as_bytes().get(1) == Some(&b':') {
        return refuse("has a backslash or a drive letter; use forward slashes");
    }
    if name.contains(deceives) {
        return refuse("has control characters, or characters that turn the writing direction");
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.split('/').any(|part| part == "..") {
        return refuse("leaves its folder through \"..\"");
    }
    if path.split('/').any(|part| part.is_empty() || part == ".") {
        return refuse("has an empty or \".\" part");
    }
    Ok(())
}
