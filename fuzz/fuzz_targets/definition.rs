//! A data set definition.
#![no_main]

use assay_fuzz::limits;
use assay_trainer::data::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Definition::parse(bytes, &limits());
});
