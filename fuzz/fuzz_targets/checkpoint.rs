//! A checkpoint of a training: as it is, and as the header of a file whose length fits.
#![no_main]

use std::sync::OnceLock;

use assay_fuzz::limits;
use assay_protocol::Parameters;
use assay_trainer::{archive, checkpoint, spec::ModelSpec};
use libfuzzer_sys::fuzz_target;

const TABLE: &[u8] = include_bytes!("../../worker/trainer/tests/fixtures/archives/table.keras");

fn spec() -> &'static ModelSpec {
    static SPEC: OnceLock<ModelSpec> = OnceLock::new();
    SPEC.get_or_init(|| {
        let archive = archive::read(TABLE, &limits()).expect("the fixture is good");
        archive.spec
    })
}

fuzz_target!(|bytes: &[u8]| {
    let parameters = Parameters::default();
    let read = |bytes: &[u8]| checkpoint::read(bytes, "fuzz", spec(), &parameters);
    let _ = read(bytes);
    let mut framed = (bytes.len() as u64).to_le_bytes().to_vec();
    framed.extend_from_slice(bytes);
    framed.resize(framed.len() + checkpoint::size(spec()) as usize, 0);
    let _ = read(&framed);
});
