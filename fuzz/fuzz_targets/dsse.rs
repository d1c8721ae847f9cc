//! A DSSE envelope: as it is, and as the payload of one that is signed.
//!
//! An envelope that is read can be written and read again, and is the same. Whatever the payload, the signature of one
//! envelope holds for it and for no other.
#![no_main]

use assay_attest::{
    dsse::{Envelope, IN_TOTO},
    json::Limits,
    statement::{Statement, read_lines},
};
use assay_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = &Limits::METADATA;
    if let Ok(read) = Envelope::parse(bytes, limits) {
        let again = Envelope::parse_canonical(&read.to_bytes(), limits);
        assert_eq!(again.as_ref(), Ok(&read));
        assert!(read.verify_only(IN_TOTO, key().public()).is_err());
    }
    for line in read_lines(bytes).unwrap_or_default() {
        assert!(Statement::verify(line, key().public()).is_err());
    }
    let mut signed = Envelope::new(IN_TOTO, bytes.to_vec());
    signed.sign(key()).expect("a key in this process signs");
    assert_eq!(signed.verify_only(IN_TOTO, key().public()), Ok(bytes));
    signed.payload.push(b' ');
    assert!(signed.verify_only(IN_TOTO, key().public()).is_err());
});
