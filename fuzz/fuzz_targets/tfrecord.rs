//! A TFRecord file, and the same bytes as one record with good checksums.
#![no_main]

use assay_fuzz::{framed, limits};
use assay_trainer::data::{Definition, Loaded, Target};
use libfuzzer_sys::fuzz_target;

const DEFINITION: &[u8] = b"\
type: tfrecord
features:
  raw: {shape: [2, 2], dtype: uint8}
  floats: {shape: [3], dtype: float32}
  count: {shape: [], dtype: int64}
label: {name: label, dtype: int64}
preprocessing: {normalize: true}
";

fn read(bytes: &[u8]) {
    let limits = limits();
    let definition = Definition::parse(DEFINITION, &limits).expect("the definition is good");
    let target = Target::Class { classes: 3 };
    let Ok(loaded) = Loaded::read(bytes, &definition, &[8], target, &limits) else {
        return;
    };
    let rows: Vec<u32> = (0..).take(loaded.rows()).collect();
    let _ = loaded.prepare(&definition, &rows);
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&framed(bytes));
});
