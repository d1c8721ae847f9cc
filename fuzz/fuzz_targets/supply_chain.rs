//! A layout or link of any in-toto tool, and a layout with every link that it asks for.
//!
//! The bytes are read as they are; then, unsigned JSON, they are signed in both containers, and a layout is verified
//! with itself or a small link in the place of each file.
#![no_main]

use assay_attest::{
    VerificationKey,
    intoto::{Form, Metadata, Payload, verify_layout},
};
use assay_fuzz::{key, now};
use libfuzzer_sys::fuzz_target;

const LINK: &[u8] =
    br#"{"_type": "link", "name": "s", "command": [], "materials": {"a": {"sha256": "00"}},
    "products": {"b/c": {"sha256": "01"}}, "byproducts": {}, "environment": {}}"#;

fuzz_target!(|bytes: &[u8]| {
    let _ = Metadata::parse(bytes);
    for form in [Form::Metablock, Form::Dsse] {
        let Ok(mut metadata) = Metadata::unsigned(bytes, form) else {
            continue;
        };
        metadata.sign(key()).expect("a key in this process signs");
        let file = metadata.to_bytes();
        let again = Metadata::parse(&file).expect("what was signed can be read");
        assert_eq!(again.payload(), metadata.payload());
        let owner: VerificationKey = key().public().clone().into();
        again
            .verify(&owner)
            .expect("what was signed can be verified");
        let mut link = Metadata::unsigned(LINK, form).expect("the link is one");
        link.sign(key()).expect("a key in this process signs");
        let link = link.to_bytes();
        for answer in [&file, &link] {
            let mut read = |_: &str| Ok(Some(answer.clone()));
            let product = Default::default();
            let verified = verify_layout(
                &again,
                std::slice::from_ref(&owner),
                &mut read,
                Some(&product),
                now(),
            );
            if matches!(again.payload(), Payload::Link(_)) {
                assert!(verified.is_err());
            }
        }
    }
});
