//! An in-toto link: as it is, and what it says signed by the functionary of a layout.
//!
//! A link that is read says exactly what its bytes say, and a proof that consists of a layout and one link is never
//! verified.
#![no_main]

use assay_attest::{
    intoto::{Link, Signed, link_file_name, sign},
    json::{Limits, jcs, parse},
    verify::{LinkFile, ProofFiles, verify_proof},
};
use assay_fuzz::{key, now, trust};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = Signed::<Link>::parse(bytes) else {
        return;
    };
    let says = signed.unverified();
    let ours = sign(says, key()).expect("a link that was read can be signed");
    let part = |file: &[u8]| parse(file, &Limits::METADATA).expect("it is JSON")["signed"].take();
    assert_eq!(part(&ours), part(bytes), "it was read as something else");

    let layout = jcs(&trust().layout);
    let name = link_file_name(&says.name, &key().keyid());
    for bytes in [bytes, &ours] {
        let links = vec![LinkFile { name: &name, bytes }];
        let files = ProofFiles {
            layout: Some(&layout),
            links,
            ..ProofFiles::default()
        };
        let proof = verify_proof(&files, &trust(), now());
        assert!(!proof.report.is_verified());
    }
});
