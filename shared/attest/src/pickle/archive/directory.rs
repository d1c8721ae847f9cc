//! The directory of a zip archive as `PyTorch` writes it: entries stored as they are, nothing behind the end.
//!
//! Strict where zip readers differ, since one that reads another entry than the next is a way to hide weights: names
//! are there once, entries do not overlap, and each lies where both its descriptions say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    os::unix::fs::FileExt as _,
};

use super::super::{PickleError, weights::Place};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END_64_BYTES: u64 = 56;
/// Bytes of the directory at most.
const MAX_BYTES: u64 = 64 << 20;
/// Stands for: see the 64-bit field.
const FULL: u64 = 0xffff_ffff;

/// The entries of an archive.
pub(super) struct Entries {
    /// The folder of the first one: `PyTorch` looks for all others in it.
    pub(super) folder: String,
    /// Every entry's content, by name.
    pub(super) places: BTreeMap<String, Place>,
}

/// Reads the directory.
pub(super) fn entries(file: &File, file_bytes: u64) -> Result<Entries, PickleError> {
    let (count, start, bytes) = end(file, file_bytes)?;
    if bytes > MAX_BYTES || start.checked_add(bytes).is_none_or(|end| end > file_bytes) {
        return Err(wrong("its directory lies beyond its end"));
    }
    let mut directory = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact_at(&mut directory, start)?;
    let mut rest = Fields(&directory);
    let (mut places, mut folder) = (BTreeMap::new(), None);
    let (mut taken, mut names) = (Vec::new(), BTreeSet::new());
    for _ in 0..count {
        let (name, header, content) = entry(&mut rest)?;
        let place = local(file, &name, header, content)?;
        taken.push((header, place.offset + place.bytes));
        // PyTorch takes upper and lower case for the same, and may find the other one.
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(wrong("a name is there twice"));
        }
        folder.get_or_insert_with(|| name.split('/').next().unwrap_or_default().to_owned());
        places.insert(name, place);
    }
    if !rest.0.is_empty() {
        return Err(wrong("its directory is longer than its entries"));
    }
    taken.sort_unstable();
    let apart = taken
        .windows(2)
        .all(|pair| matches!(pair, [(_, end), (next, _)] if end <= next));
    if apart && taken.last().is_none_or(|(_, end)| *end <= start) {
        Ok(Entries {
            folder: folder.unwrap_or_default(),
            places,
        })
    } else {
        Err(wrong("its entries overlap"))
    }
}

/// Count of entries, start and bytes of the directory.
fn end(file: &File, file_bytes: u64) -> Result<(u64, u64, u64), PickleError> {
    let at = file_bytes
        .checked_sub(END_BYTES)
        .ok_or_else(|| wrong("it is too short"))?;
    let record = read(file, at, END_BYTES)?;
    let mut fields = Fields(&record);
    if fields.take(4)? != u64::from(END) {
        return Err(wrong("it does not end as an archive of PyTorch does"));
    }
    fields.skip(6)?;
    let (count, bytes, start) = (fields.take(2)?, fields.take(4)?, fields.take(4)?);
    let locator = at
        .checked_sub(LOCATOR_BYTES)
        .map(|at| read(file, at, LOCATOR_BYTES))
        .transpose()?;
    let Some(locator) = locator.filter(|bytes| bytes.starts_with(&LOCATOR_64.to_le_bytes())) else {
        return Ok((count, start, bytes));
    };
    let mut fields = Fields(&locator);
    fields.skip(8)?;
    let record = read(file, fields.take(8)?, END_64_BYTES)?;
    let mut fields = Fields(&record);
    if fields.take(4)? != u64::from(END_64) {
        return Err(wrong("its 64-bit end is not where it says"));
    }
    fields.skip(28)?;
    let (count_64, bytes_64, start_64) = (fields.take(8)?, fields.take(8)?, fields.take(8)?);
    let same = |short: u64, full: u64, long: u64| short == long || short == full;
    if same(count, 0xffff, count_64) && same(bytes, FULL, bytes_64) && same(start, FULL, start_64) {
        Ok((count_64, start_64, bytes_64))
    } else {
        Err(wrong("its two ends say different things"))
    }
}

/// An entry of the directory: name, where its local header is, bytes of its content.
fn entry(rest: &mut Fields<'_>) -> Result<(String, u64, u64), PickleError> {
    if rest.take(4)? != u64::from(ENTRY) {
        return Err(wrong("its directory is malformed"));
    }
    rest.skip(6)?;
    let method = rest.take(2)?;
    rest.skip(8)?;
    let (packed, bytes) = (rest.take(4)?, rest.take(4)?);
    let (name, extra, comment) = (rest.take(2)?, rest.take(2)?, rest.take(2)?);
    rest.skip(8)?;
    let header = rest.take(4)?;
    let name = std::str::from_utf8(rest.slice(name)?)
        .map_err(|_| wrong("a name is not UTF-8"))?
        .to_owned();
    let mut extra = Fields(rest.slice(extra)?);
    rest.skip(comment)?;
    let mut long = [bytes, packed, header];
    if long.contains(&FULL) {
        let mut fields = zip_64(&mut extra)?;
        for value in long.iter_mut().filter(|value| **value == FULL) {
            *value = fields.take(8)?;
        }
    }
    let [bytes, packed, header] = long;
    if method == 0 && packed == bytes {
        Ok((name, header, bytes))
    } else {
        Err(wrong("an entry is compressed, which PyTorch never does"))
    }
}

/// The extra field with 64-bit sizes.
fn zip_64<'a>(extra: &mut Fields<'a>) -> Result<Fields<'a>, PickleError> {
    loop {
        let (id, bytes) = (extra.take(2)?, extra.take(2)?);
        let content = extra.slice(bytes)?;
        if id == 1 {
            return Ok(Fields(content));
        }
    }
}

/// Where the content lies, by the header before it, which must have the same name.
fn local(file: &File, name: &str, header: u64, bytes: u64) -> Result<Place, PickleError> {
    let record = read(file, header, 30)?;
    let mut fields = Fields(&record);
    if fields.take(4)? != u64::from(LOCAL) {
        return Err(wrong("an entry is not where the directory says"));
    }
    fields.skip(22)?;
    let (name_bytes, extra_bytes) = (fields.take(2)?, fields.take(2)?);
    if read(file, header + 30, name_bytes)? != name.as_bytes() {
        return Err(wrong("an entry has two names"));
    }
    let offset = header + 30 + name_bytes + extra_bytes;
    match offset.checked_add(bytes) {
        Some(_) => Ok(Place { offset, bytes }),
        None => Err(wrong("an entry is longer than the file")),
    }
}

fn read(file: &File, at: u64, bytes: u64) -> Result<Vec<u8>, PickleError> {
    let mut buffer = vec![0; usize::try_from(bytes).unwrap_or_default()];
    file.read_exact_at(&mut buffer, at)
        .map_err(|_| wrong("it is cut off"))?;
    Ok(buffer)
}

fn wrong(why: &str) -> PickleError {
    PickleError::malformed(format!("as an archive, {why}"))
}

/// Fields one after the other, little endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn slice(&mut self, bytes: u64) -> Result<&'a [u8], PickleError> {
        let (taken, rest) = usize::try_from(bytes)
            .ok()
            .and_then(|bytes| self.0.split_at_checked(bytes))
            .ok_or_else(|| wrong("a field is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), PickleError> {
        self.slice(bytes).map(|_| ())
    }

    fn take(&mut self, bytes: u64) -> Result<u64, PickleError> {
        Ok(self
            .slice(bytes)?
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | u64::from(*byte)))
    }
}
