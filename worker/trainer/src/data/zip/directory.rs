//! The zip's records: end of central directory (and its zip64 form), central directory, local headers.

use assay_protocol::Fault;

/// Compression method: none.
pub(super) const STORED: u16 = 0;
/// Compression method: deflate.
pub(super) const DEFLATED: u16 = 8;

const END: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const END64: [u8; 4] = *b"PK\x06\x06";
const END64_BYTES: usize = 56;
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";
const LOCATOR64_BYTES: usize = 20;
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const CENTRAL_BYTES: usize = 46;
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const LOCAL_BYTES: usize = 30;

/// Where the central directory lies.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
    /// Entries that it promises, checked against its size.
    pub(super) count: u64,
}

/// One record of the central directory.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) name: &'a str,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    /// A file or a folder, not a link, a device or the like.
    pub(super) is_plain: bool,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    header: u64,
}

fn malformed(what: impl Into<String>) -> Fault {
    Fault::dataset("dataset.zip_malformed", what)
}

fn truncated() -> Fault {
    malformed("the zip is cut off or its directory points outside the file")
}

/// Little-endian fields at an offset; past the end is an error, never a panic.
fn field<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Fault> {
    at.checked_add(N)
        .and_then(|end| bytes.get(at..end))
        .and_then(|slice| slice.try_into().ok())
        .ok_or_else(truncated)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    field(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    field(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Fault> {
    field(bytes, at).map(u64::from_le_bytes)
}

fn offset(value: u64) -> Result<usize, Fault> {
    usize::try_from(value).map_err(|_| truncated())
}

/// Finds the central directory; it must end where the end record begins.
pub(super) fn locate(bytes: &[u8]) -> Result<Directory<'_>, Fault> {
    let window = bytes
        .len()
        .saturating_sub(END_BYTES + usize::from(u16::MAX));
    let tail = bytes.get(window..).unwrap_or_default();
    let end = memchr::memmem::rfind(tail, &END)
        .map(|at| at + window)
        .ok_or_else(|| malformed("the file is not a zip archive"))?;
    let comment = usize::from(u16_at(bytes, end + 20)?);
    if end + END_BYTES + comment != bytes.len() {
        return Err(malformed("the zip has bytes after its end"));
    }
    if u16_at(bytes, end + 4)? != 0 || u16_at(bytes, end + 6)? != 0 {
        return Err(malformed(
            "the zip is one part of several; hand in one file",
        ));
    }
    let mut count = u64::from(u16_at(bytes, end + 10)?);
    let mut size = u64::from(u32_at(bytes, end + 12)?);
    let mut start = u64::from(u32_at(bytes, end + 16)?);
    let mut directory_end = end;
    if let Some(locator) = end.checked_sub(LOCATOR64_BYTES)
        && field(bytes, locator)? == LOCATOR64
    {
        let record = offset(u64_at(bytes, locator + 8)?)?;
        if field(bytes, record)? != END64 || record.checked_add(END64_BYTES) != Some(locator) {
            return Err(truncated());
        }
        count = u64_at(bytes, record + 32)?;
        size = u64_at(bytes, record + 40)?;
        start = u64_at(bytes, record + 48)?;
        directory_end = record;
    }
    let (start, size) = (offset(start)?, offset(size)?);
    if start.checked_add(size) != Some(directory_end) {
        return Err(truncated());
    }
    if count
        .checked_mul(CENTRAL_BYTES as u64)
        .is_none_or(|least| least > size as u64)
    {
        return Err(malformed(
            "the zip promises more entries than its directory has room for",
        ));
    }
    Ok(Directory {
        bytes,
        start,
        end: directory_end,
        count,
    })
}

impl<'a> Directory<'a> {
    /// Reads every record; there must be exactly as many as promised.
    pub(super) fn records(&self) -> Result<Vec<Record<'a>>, Fault> {
        let bytes = self.bytes.get(..self.end).ok_or_else(truncated)?;
        let mut records = Vec::with_capacity(offset(self.count)?);
        let mut at = self.start;
        for _ in 0..self.count {
            let (record, next) = read_record(bytes, at)?;
            records.push(record);
            at = next;
        }
        if at != self.end {
            return Err(malformed(
                "the zip's directory has more entries than it promises",
            ));
        }
        Ok(records)
    }

    /// The packed bytes of every record. No two may share a byte: that is how small zips unpack to petabytes.
    pub(super) fn data_ranges(&self, records: &[Record<'a>]) -> Result<Vec<&'a [u8]>, Fault> {
        let area = self.bytes.get(..self.start).ok_or_else(truncated)?;
        let mut spans = Vec::with_capacity(records.len());
        for record in records {
            let header = offset(record.header)?;
            let data = local_data_start(area, header, record.name)?;
            let end = offset(record.compressed)?
                .checked_add(data)
                .filter(|end| *end <= area.len())
                .ok_or_else(truncated)?;
            spans.push((header, data, end));
        }
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by_key(|index| spans.get(*index));
        let mut last_end = 0;
        for index in order {
            let Some(&(header, _, end)) = spans.get(index) else {
                continue;
            };
            if header < last_end {
                let name = records.get(index).map_or("", |record| record.name);
                return Err(Fault::dataset(
                    "dataset.zip_bomb",
                    format!("entry {name:?} shares bytes with another entry"),
                ));
            }
            last_end = end;
        }
        spans
            .iter()
            .map(|&(_, data, end)| area.get(data..end).ok_or_else(truncated))
            .collect()
    }
}

fn read_record(bytes: &[u8], at: usize) -> Result<(Record<'_>, usize), Fault> {
    if field(bytes, at)? != CENTRAL {
        return Err(truncated());
    }
    let made_by = u16_at(bytes, at + 4)? >> 8;
    let flags = u16_at(bytes, at + 8)?;
    let name_start = at + CENTRAL_BYTES;
    let extra_start = name_start + usize::from(u16_at(bytes, at + 28)?);
    let comment_start = extra_start + usize::from(u16_at(bytes, at + 30)?);
    let next = comment_start + usize::from(u16_at(bytes, at + 32)?);
    let name = bytes.get(name_start..extra_start).ok_or_else(truncated)?;
    let name = std::str::from_utf8(name).map_err(|_| {
        let shown: String = String::from_utf8_lossy(name).chars().take(200).collect();
        malformed(format!("the entry name {shown:?} is not UTF-8"))
    })?;
    let extra = bytes
        .get(extra_start..comment_start)
        .ok_or_else(truncated)?;
    let mut size = u64::from(u32_at(bytes, at + 24)?);
    let mut compressed = u64::from(u32_at(bytes, at + 20)?);
    let mut header = u64::from(u32_at(bytes, at + 42)?);
    widen(extra, [&mut size, &mut compressed, &mut header])?;
    // Unix (3) and macOS (19) hold the file's mode in the upper half of the external attributes.
    let mode = u32_at(bytes, at + 38)? >> 16;
    let kind = if made_by == 3 || made_by == 19 {
        mode & 0o170_000
    } else {
        0
    };
    let record = Record {
        name,
        method: u16_at(bytes, at + 10)?,
        encrypted: flags & 1 != 0 || flags & (1 << 6) != 0,
        is_plain: matches!(kind, 0 | 0o040_000 | 0o100_000),
        crc: u32_at(bytes, at + 16)?,
        compressed,
        size,
        header,
    };
    Ok((record, next))
}

/// Replaces the fields that are all ones by those of the zip64 extra field (APPNOTE 4.5.3), in its order.
fn widen(mut extra: &[u8], fields: [&mut u64; 3]) -> Result<(), Fault> {
    let mut wide: &[u8] = &[];
    while extra.len() >= 4 {
        let length = usize::from(u16_at(extra, 2)?);
        let body = extra.get(4..4 + length).ok_or_else(truncated)?;
        if u16_at(extra, 0)? == 1 {
            wide = body;
        }
        extra = extra.get(4 + length..).unwrap_or_default();
    }
    for field in fields {
        if *field == u64::from(u32::MAX) {
            *field = u64_at(wide, 0)?;
            wide = wide.get(8..).unwrap_or_default();
        }
    }
    Ok(())
}

/// Where the packed bytes begin; the local header must carry the directory's name.
fn local_data_start(area: &[u8], header: usize, name: &str) -> Result<usize, Fault> {
    if field(area, header)? != LOCAL {
        return Err(truncated());
    }
    let name_start = header + LOCAL_BYTES;
    let name_end = name_start + usize::from(u16_at(area, header + 26)?);
    if area.get(name_start..name_end) != Some(name.as_bytes()) {
        return Err(malformed(format!(
            "entry {name:?} has another name in its own header"
        )));
    }
    Ok(name_end + usize::from(u16_at(area, header + 28)?))
}
