//! A sigstore bundle and a model signature in it: as it is, and what it says signed by a known key.
//!
//! A statement that is accepted is written again with the same meaning, and any bundle that is our own is written
//! again with the same bytes.
#![no_main]

use assay_attest::{
    model_signing::verify,
    safetensors::Header,
    sigstore::{Bundle, EcPublicKey, Roots, Signer, Verifier},
};
use assay_fuzz::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let pinned = Verifier::Key(EcPublicKey::try_from(key().public()).expect("it is a P-256 key"));
    let _ = verify(bytes, &pinned);
    if let Ok(bundle) = Bundle::parse_own(bytes) {
        assert_eq!(bundle.to_bytes(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Roots::from_pem(text);
        let _ = EcPublicKey::from_pem(text);
    }
    let signed = Signer::Key(key()).sign(bytes.to_vec()).expect("anything can be signed");
    if let Ok(verified) = verify(&signed, &pinned) {
        let again = verified.manifest.sign(&Signer::Key(key())).expect("it names a file");
        let again = verify(&again, &pinned).expect("what was written is read");
        assert_eq!(again.manifest.resources, verified.manifest.resources);
    }
    // The same statement where a safetensors file carries it.
    if let Ok(text) = String::from_utf8(signed) {
        let metadata = serde_json::json!({"__metadata__": {"assay.signature": text}}).to_string();
        let header = Header::parse(metadata.as_bytes(), 8 + metadata.len() as u64).expect("it has no tensor");
        let _ = header.verify(&pinned);
    }
});
