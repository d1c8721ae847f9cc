//! The form before `PyTorch` 1.6: five pickles one after the other, then the storages.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read as _, Seek as _, SeekFrom},
    os::unix::fs::FileExt as _,
};

use super::{
    PickleError,
    machine::Machine,
    object::{Object, Objects, Ref},
    source::MAX_BYTES,
    weights::{Place, weights},
};
use crate::tensors::{Dtype, Weights};

/// What such a file begins with: protocol 2, and the number 0x1950a86a20f9469cfc6c.
const MAGIC: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// The one version of this form.
const PROTOCOL: Object = Object::Int(1001);

pub(super) fn read(mut file: &File) -> Result<Weights, PickleError> {
    let bytes = file.metadata()?.len();
    let mut head = [0; MAGIC.len()];
    if bytes < head.len() as u64 || file.read_exact_at(&mut head, 0).is_err() || head != MAGIC {
        return Err(PickleError::malformed(
            "it begins neither as a zip archive nor as a pickle of PyTorch",
        ));
    }
    file.seek(SeekFrom::Start(MAGIC.len() as u64))?;
    let mut machine = Machine::new(BufReader::new(file.take(MAX_BYTES)));
    let protocol = machine.run()?;
    if *machine.objects().get(protocol)? != PROTOCOL {
        return Err(PickleError::malformed("another version of the older form"));
    }
    let system = machine.run()?;
    is_little_endian(machine.objects(), system)?;
    let top = machine.run()?;
    let keys = machine.run()?;
    let start = MAGIC.len() as u64 + machine.position();
    let objects = machine.into_objects();
    let places = storages(file, bytes, &objects, keys, start)?;
    weights(&objects, top, &places, bytes)
}

fn is_little_endian(objects: &Objects, system: Ref) -> Result<(), PickleError> {
    let Object::Dict(members) = objects.get(system)? else {
        return Err(PickleError::malformed(
            "it does not say on what machine it was written",
        ));
    };
    for (key, value) in members {
        if objects.text(*key)? == "little_endian" && *objects.get(*value)? == Object::Bool(true) {
            return Ok(());
        }
    }
    Err(PickleError::Unsupported(
        "the file was written on a big-endian machine".to_owned(),
    ))
}

/// The storages lie in the order of their keys, each after its count of numbers.
fn storages(
    file: &File,
    file_bytes: u64,
    objects: &Objects,
    keys: Ref,
    start: u64,
) -> Result<BTreeMap<String, Place>, PickleError> {
    let Object::List(keys) = objects.get(keys)? else {
        return Err(PickleError::malformed("no list of storages"));
    };
    let types = types(objects);
    let mut places = BTreeMap::new();
    let mut offset = start;
    for key in keys {
        let key = objects.text(*key)?;
        let dtype = types
            .get(key)
            .ok_or_else(|| PickleError::malformed("a storage that no tensor names"))?;
        let mut count = [0; 8];
        file.read_exact_at(&mut count, offset)
            .map_err(|_| PickleError::malformed("a storage is cut off"))?;
        offset += 8;
        let bytes = u64::from_le_bytes(count).checked_mul(dtype.bits() / 8);
        let bytes = bytes
            .filter(|bytes| {
                offset
                    .checked_add(*bytes)
                    .is_some_and(|end| end <= file_bytes)
            })
            .ok_or_else(|| PickleError::malformed("a storage is cut off"))?;
        if places
            .insert(key.to_owned(), Place { offset, bytes })
            .is_some()
        {
            return Err(PickleError::malformed("a storage is there twice"));
        }
        offset += bytes;
    }
    if offset == file_bytes {
        Ok(places)
    } else {
        Err(PickleError::malformed("bytes follow the last storage"))
    }
}

/// The type of each storage; bytes where it has none.
fn types(objects: &Objects) -> BTreeMap<&str, Dtype> {
    (0..objects.len())
        .filter_map(|at| match objects.get(at) {
            Ok(Object::Storage(storage)) => {
                Some((storage.key.as_str(), storage.dtype.unwrap_or(Dtype::U8)))
            }
            _ => None,
        })
        .collect()
}
