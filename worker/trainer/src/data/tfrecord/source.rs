//! The bytes of a file one after the other, unpacked while they are read.

use std::io::{BufReader, ErrorKind, Read};

use assay_protocol::{DataLimits, Fault};
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};

use super::frame;

/// Honest records seldom reach this; zeros alone are no reason to unpack gigabytes.
const MAX_RATIO: u64 = 200;
/// Up to here a file may be packed as tightly as it likes.
const RATIO_FREE_BYTES: u64 = 4 << 20;
/// Memory is taken in steps of this size, so that a length which the file does not keep costs little.
const STEP: usize = 1 << 20;

/// A file without its compression. Nothing is unpacked before it is asked for.
pub(super) struct Source<'a> {
    reader: Box<dyn Read + 'a>,
    limit: u64,
    given: u64,
}

impl<'a> Source<'a> {
    /// The compression is told by the first bytes, unless they begin a good plain record.
    pub(super) fn new(bytes: &'a [u8], limits: &DataLimits) -> Self {
        let packed = (bytes.len() as u64).saturating_mul(MAX_RATIO);
        let limit = limits.zip_total_bytes.min(packed.max(RATIO_FREE_BYTES));
        let (reader, limit): (Box<dyn Read + 'a>, u64) = match bytes {
            _ if frame::begins_plain(bytes) => (Box::new(bytes), u64::MAX),
            [0x1f, 0x8b, 0x08, ..] => (Box::new(BufReader::new(MultiGzDecoder::new(bytes))), limit),
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => {
                (Box::new(BufReader::new(ZlibDecoder::new(bytes))), limit)
            }
            _ => (Box::new(bytes), u64::MAX),
        };
        Self {
            reader,
            limit,
            given: 0,
        }
    }

    /// Fills `out` and says how many bytes there were: fewer than asked for only at the end of the file.
    ///
    /// # Errors
    /// `limit.dataset_bytes` if the file unpacks to too much, `dataset.record_malformed` if it is damaged.
    pub(super) fn fill(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let mut filled = 0;
        while let Some(rest @ [_, ..]) = out.get_mut(filled..) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::OutOfMemory => return Err(no_memory()),
                Err(error) => {
                    return Err(Fault::dataset(
                        "dataset.record_malformed",
                        format!("the compressed file cannot be unpacked: {error}"),
                    ));
                }
            }
        }
        self.given = self.given.saturating_add(filled as u64);
        if self.given > self.limit {
            return Err(Fault::dataset(
                "limit.dataset_bytes",
                format!(
                    "the compressed file unpacks to more than the {} bytes that are read of a file of its size; hand it in uncompressed or with fewer records",
                    self.limit
                ),
            ));
        }
        Ok(filled)
    }

    /// Replaces `out` with the next `length` bytes, or with fewer at the end of the file.
    ///
    /// # Errors
    /// Those of [`Source::fill`], and `limit.memory`.
    pub(super) fn read(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        out.clear();
        while out.len() < length {
            let start = out.len();
            let step = (length - start).min(STEP);
            out.try_reserve(step).map_err(|_| no_memory())?;
            out.resize(start + step, 0);
            let filled = self.fill(out.get_mut(start..).unwrap_or_default())?;
            if filled < step {
                out.truncate(start + filled);
                break;
            }
        }
        Ok(())
    }
}

/// The fault of records that the memory of the job cannot hold.
pub(super) fn no_memory() -> Fault {
    Fault::dataset(
        "limit.memory",
        "the records need more memory than the training may use; hand in fewer or smaller ones",
    )
}
