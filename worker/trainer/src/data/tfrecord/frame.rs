//! The frame of a TFRecord: length, its checksum, the record, its checksum.

use assay_protocol::Fault;

use super::crc32c::masked;

const HEADER: usize = 12;

/// The records of a file, each with both checksums checked.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    rest: &'a [u8],
    record: u64,
    max_bytes: u64,
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
    pub(super) fn new(bytes: &'a [u8], max_bytes: u64) -> Self {
        Self {
            rest: bytes,
            record: 0,
            max_bytes,
        }
    }

    /// The next record; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.record += 1;
        let (length, sum) = header(self.rest).ok_or_else(|| self.fault("is cut off"))?;
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
            .and_then(|length| length.checked_add(HEADER))
            .ok_or_else(|| self.fault("is cut off"))?;
        let record = self
            .rest
            .get(HEADER..end)
            .ok_or_else(|| self.fault("is cut off"))?;
        let (sum, rest) = self
            .rest
            .get(end..)
            .and_then(|rest| rest.split_first_chunk::<4>())
            .ok_or_else(|| self.fault("is cut off"))?;
        if masked(record) != u32::from_le_bytes(*sum) {
            return Err(self.fault("does not match its checksum; the file is damaged"));
        }
        self.rest = rest;
        Ok(Some(record))
    }

    fn fault(&self, problem: &str) -> Fault {
        Fault::dataset(
            "dataset.record_malformed",
            format!("record {} {problem}", self.record),
        )
    }
}
