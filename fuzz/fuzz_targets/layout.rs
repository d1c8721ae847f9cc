//! An in-toto layout: as it is, and its rules on links with a few artifacts.
//!
//! A layout that is read can be signed and read again, and is the same. Its bytes may differ: keywords of rules are
//! read in any case.
#![no_main]

use assay_attest::{
    Digest,
    intoto::{Layout, Link, Signed, check_rules, sign},
};
use assay_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = Signed::<Layout>::parse(bytes) else {
        return;
    };
    let _ = signed.verify(key().public());
    let layout = signed.unverified();
    let ours = sign(layout, key()).expect("a layout that was read can be signed");
    let again = Signed::<Layout>::parse(&ours).expect("a signed layout can be read");
    assert_eq!(again.unverified(), layout);

    let mut link = Link::new("step", Vec::new());
    for path in ["job/inputs/model.keras", "job/outputs/logs.txt", "a[b]*?"] {
        link.materials.insert(path.into(), Digest::of(b"in"));
        link.products.insert(path.into(), Digest::of(b"out"));
    }
    let steps = layout.steps.iter();
    let chain = steps
        .map(|step| (step.name.as_str(), (&link).into()))
        .collect();
    let _ = check_rules(&layout.step_items(), &chain);
});
