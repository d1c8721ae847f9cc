//! The frame of a TFRecord: length, its checksum, the record, its checksum.

use assay_protocol::{DataLimits, Fault};

use super::crc32c::masked;
use super::source::Source;

const HEADER: usize = 12;
const CHECKSUM: usize = 4;

/// The records of a file, each with both checksums checked; one at a time is in memory.
pub(super) struct Frames<'a> {
    source: Source<'a>,
    record: u64,
    max_bytes: u64,
    buffer: Vec<u8>,
}

/// Whether the file begins with the frame of a plain record.
pub(super) fn begins_plain(bytes: &[u8]) -> bool {
    header(bytes).is_some_and(|(length, sum)| masked(&length) == sum)
}

fn header(bytes: &[u8]) -> Option<([u8; 8], u32)> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, _) = rest.split_first_chunk::<4>()?;
    Some((*length, u32::from_le_bytes(*sum)))
}

impl<'a> Frames<'a> {
    pub(super) fn new(bytes: &'a [u8], limits: &DataLimits) -> Self {
        Self {
            source: Source::new(bytes, limits),
            record: 0,
            max_bytes: limits.record_bytes,
            buffer: Vec::new(),
        }
    }

    /// The next record; `None` at the end of the file.
    ///
    /// # Errors
    /// `dataset.record_malformed`, `dataset.record_too_large`, and the limits of [`Source`].
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, Fault> {
        let mut start = [0; HEADER];
        let there = self.source.fill(&mut start)?;
        if there == 0 {
            return Ok(None);
        }
        self.record += 1;
        let (length, sum) = start
            .get(..there)
            .and_then(header)
            .ok_or_else(|| self.fault("is cut off"))?;
        if masked(&length) != sum {
            return Err(self.fault(if self.record == 1 {
                "does not begin as a TFRecord does; the file is of another format or damaged"
            } else {
                "has a length that does not match its checksum; the file is damaged"
            }));
        }
        let length = u64::from_le_bytes(length);
        if length > self.max_bytes {
            return Err(Fault::dataset(
                "dataset.record_too_large",
                format!(
                    "record {} has {length} bytes, but at most {} are read",
                    self.record, self.max_bytes
                ),
            ));
        }
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_add(CHECKSUM))
            .ok_or_else(|| self.fault("is cut off"))?;
        self.source.read(end, &mut self.buffer)?;
        let (record, sum) = self
            .buffer
            .split_last_chunk::<CHECKSUM>()
            .filter(|(record, _)| record.len() as u64 == length)
            .ok_or_else(|| self.fault("is cut off"))?;
        if masked(record) != u32::from_le_bytes(*sum) {
            return Err(self.fault("does not match its checksum; the file is damaged"));
        }
        Ok(Some(record))
    }

    fn fault(&self, problem: &str) -> Fault {
        Fault::dataset(
            "dataset.record_malformed",
            format!("record {} {problem}", self.record),
        )
    }
}
