//! A zip of class folders with PNG and JPEG images, read, resized and preprocessed.
#![no_main]

use assay_fuzz::limits;
use assay_trainer::data::{Definition, Loaded, Target};
use libfuzzer_sys::fuzz_target;

const DEFINITION: &[u8] = b"\
type: image
image_size: [4, 4]
preprocessing: {normalize: true}
";

fn read(bytes: &[u8]) {
    let limits = limits();
    let definition = Definition::parse(DEFINITION, &limits).expect("the definition is good");
    let target = Target::Class { classes: 3 };
    let Ok(loaded) = Loaded::read(bytes, &definition, &[4, 4, 3], target, &limits) else {
        return;
    };
    let rows: Vec<u32> = (0..).take(loaded.rows()).collect();
    let _ = loaded.prepare(&definition, &rows);
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
});
