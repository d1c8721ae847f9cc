//! A `.keras` archive: the zip, `metadata.json`, `config.json` and the weights.
#![no_main]

use assay_fuzz::{abort_unless_contained, limits};
use assay_trainer::archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: abort_unless_contained(), |bytes: &[u8]| {
    let _ = archive::read(bytes, &limits());
});
