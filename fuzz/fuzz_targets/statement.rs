//! An in-toto Statement inside an envelope that is signed by the right key.
//!
//! A statement that is read can be signed and read again, and is the same; its bytes are the ones that were signed.
#![no_main]

use assay_attest::{
    dsse::{Envelope, IN_TOTO},
    statement::Statement,
};
use assay_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut envelope = Envelope::new(IN_TOTO, bytes.to_vec());
    envelope.sign(key()).expect("a key in this process signs");
    let line = envelope.to_bytes();
    let Ok(statement) = Statement::verify(&line, key().public()) else {
        return;
    };
    let again = statement
        .sign(key())
        .expect("a statement that was read can be signed");
    assert_eq!(again, line, "it was read as something else");
});
