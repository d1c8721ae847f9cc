//! A file of weights: a safetensors header, a pickle alone, and a whole file of `PyTorch`.
//!
//! What is read lies within the file and can be hashed; a header is written again with the same meaning.
#![no_main]

use std::io::Write as _;

use assay_attest::{
    pickle,
    safetensors::Header,
    tensors::{digest, fingerprint},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pickle::inspect(bytes);
    if let Some((size, header)) = bytes.split_first_chunk::<2>() {
        let data = u64::from(u16::from_le_bytes(*size));
        if let Ok(read) = Header::parse(header, 8 + header.len() as u64 + data) {
            let again = read.to_json();
            let same = Header::parse(&again, 8 + again.len() as u64 + data).expect("it was written by us");
            assert_eq!(same.metadata, read.metadata);
            assert_eq!(same.weights.tensors.len(), read.weights.tensors.len());
        }
    }
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    let found = match Header::read(&file) {
        Ok(header) => header.weights,
        Err(_) => match pickle::read(&file) {
            Ok(weights) => weights,
            Err(_) => return,
        },
    };
    fingerprint(&file, &found).expect("every tensor lies in the file");
    digest(&file, &found).expect("every tensor lies in the file");
});
