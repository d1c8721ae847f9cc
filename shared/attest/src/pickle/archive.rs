//! The zip form: a pickle, and each storage as an entry of its own, stored as it is.

mod directory;

use std::{collections::BTreeMap, fs::File, io::BufReader, os::unix::fs::FileExt as _};

use directory::Entries;

use super::{
    PickleError,
    machine::Machine,
    weights::{Place, weights},
};
use crate::tensors::Weights;

const PICKLE: &str = "/data.pkl";
/// Bytes of the pickle read at a time.
const READ_BYTES: usize = 64 * 1024;

pub(super) fn read(file: &File) -> Result<Weights, PickleError> {
    let bytes = file.metadata()?.len();
    let Entries {
        folder,
        places: entries,
    } = directory::entries(file, bytes)?;
    let mut pickles = entries.iter().filter(|(name, _)| name.ends_with(PICKLE));
    let (Some((name, pickle)), None) = (pickles.next(), pickles.next()) else {
        return Err(PickleError::malformed(
            "an archive without exactly one data.pkl",
        ));
    };
    if name.strip_suffix(PICKLE) != Some(folder.as_str()) {
        return Err(PickleError::malformed(
            "an archive whose data.pkl is not in the folder of its first entry",
        ));
    }
    if let Some(order) = entries.get(&format!("{folder}/byteorder")) {
        let mut text = [0; 6];
        let read = order.bytes == 6 && file.read_exact_at(&mut text, order.offset).is_ok();
        if !read || &text != b"little" {
            return Err(PickleError::Unsupported(
                "the file was written on a big-endian machine".to_owned(),
            ));
        }
    }
    let data = format!("{folder}/data/");
    let places: BTreeMap<String, Place> = entries
        .iter()
        .filter_map(|(name, place)| Some((name.strip_prefix(&data)?.to_owned(), *place)))
        .collect();
    let section = Section {
        file,
        place: *pickle,
    };
    let mut machine = Machine::new(BufReader::with_capacity(READ_BYTES, section));
    let top = machine.run()?;
    if machine.position() != pickle.bytes {
        return Err(PickleError::malformed("bytes follow the pickle"));
    }
    weights(&machine.into_objects(), top, &places, bytes)
}

/// Reads a part of a file.
struct Section<'a> {
    file: &'a File,
    place: Place,
}

impl std::io::Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = usize::try_from(self.place.bytes)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self.file.read_at(
            buffer.get_mut(..most).unwrap_or_default(),
            self.place.offset,
        )?;
        self.place.offset += count as u64;
        self.place.bytes -= count as u64;
        Ok(count)
    }
}
