//! `model.weights.h5`, in an archive that is otherwise whole.
#![no_main]

use assay_fuzz::{abort_unless_contained, archive_with, limits};
use assay_trainer::archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: abort_unless_contained(), |bytes: &[u8]| {
    let _ = archive::read(&archive_with("model.weights.h5", bytes), &limits());
});
