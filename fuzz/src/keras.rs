use std::io::{Cursor, Read as _, Write as _};

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// A small model of Keras, as the archive's own tests use it.
const TABLE: &[u8] = include_bytes!("../../worker/trainer/tests/fixtures/archives/table.keras");

/// The archive of a small Keras model with one of its files replaced, checksums fitting.
pub fn archive_with(replaced: &str, by: &[u8]) -> Vec<u8> {
    let mut source = ZipArchive::new(Cursor::new(TABLE)).expect("the fixture is a zip");
    let mut target = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for index in 0..source.len() {
        let mut entry = source.by_index(index).expect("the fixture is whole");
        let name = entry.name().expect("the fixture is whole").into_owned();
        let mut bytes = Vec::new();
        if name == replaced {
            bytes.extend_from_slice(by);
        } else {
            entry.read_to_end(&mut bytes).expect("the fixture is whole");
        }
        target
            .start_file(name, stored)
            .expect("a zip in memory can be written");
        target
            .write_all(&bytes)
            .expect("a zip in memory can be written");
    }
    target
        .finish()
        .expect("a zip in memory can be written")
        .into_inner()
}

/// Replaces the panic hook: a panic inside the HDF5 library is contained by the reader's thread and answered as a
/// fault of the file, so it is no finding; a panic anywhere else, our code in that thread included, aborts.
pub fn abort_unless_contained() {
    std::panic::set_hook(Box::new(|panic| {
        let ours = panic
            .location()
            .is_none_or(|location| location.file().contains("trainer/src"));
        if ours || std::thread::current().name() != Some("hdf5") {
            eprintln!("{panic}");
            std::process::abort();
        }
    }));
}
