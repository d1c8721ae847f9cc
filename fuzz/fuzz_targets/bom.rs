//! An AIBoM: as it is, and signed by the platform key.
//!
//! A document that is verified is the one that was signed.
#![no_main]

use assay_attest::{
    aibom::{BomError, score::score, verify},
    json::{Limits, jcs, parse},
};
use assay_fuzz::{key, sign_bom};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = verify(bytes, key().public());
    let Ok(document) = parse(bytes, &Limits::BOM) else {
        return;
    };
    let _ = score(&document);
    let Some(signed) = sign_bom(document) else {
        return;
    };
    match verify(&signed, key().public()) {
        Ok(bom) => assert_eq!(jcs(&bom.document), signed),
        Err(BomError::Shape(_) | BomError::Json(_)) => {}
        Err(error) => panic!("a good signature is refused: {error}"),
    }
});
