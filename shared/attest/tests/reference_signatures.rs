//! Signatures that `model_signing` 1.1.1 made (`fixtures/make_model_signatures.sh`), and the same verdicts as its own.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_attest::{
    model_signing::{
        Difference, HashKind, Verified,
        folder::{Options, measure},
        verify,
    },
    sigstore::{EcPublicKey, Roots, SignedBy, Verifier},
};
use proptest::prelude::*;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/model_signing")
        .join(name)
}

fn key(name: &str) -> Verifier {
    let text = fs::read_to_string(path(&format!("{name}.pub"))).unwrap();
    Verifier::Key(EcPublicKey::from_pem(&text).unwrap())
}

fn root(name: &str) -> Verifier {
    let text = fs::read_to_string(path(&format!("{name}.crt"))).unwrap();
    Verifier::Roots(Roots::from_pem(&text).unwrap())
}

fn verified(signature: &str, verifier: &Verifier) -> Result<Verified, String> {
    verify(&fs::read(path(signature)).unwrap(), verifier).map_err(|error| error.to_string())
}

fn differences(model: &Path, verified: &Verified) -> Vec<Difference> {
    let found = measure(model, &verified.manifest, &Options::default()).unwrap();
    verified.manifest.differences(&found)
}

#[test]
fn keys_of_three_curves_are_verified_and_others_refused() {
    for name in ["p256", "p384", "p521"] {
        let accepted = verified(&format!("{name}.sig"), &key(name)).unwrap();
        assert_eq!(differences(&path("model"), &accepted), []);
        assert_eq!(accepted.manifest.resources.len(), 4);
        for other in ["p256", "p384", "p521"]
            .into_iter()
            .filter(|other| *other != name)
        {
            let refused = verified(&format!("{name}.sig"), &key(other)).unwrap_err();
            assert!(refused.contains("another key"), "{refused}");
        }
    }
    let text = fs::read_to_string(path("pk256.pub")).unwrap();
    assert!(EcPublicKey::from_pem(&text).is_err(), "secp256k1");
}

#[test]
fn other_hashes_are_measured_and_shards_refused() {
    for (name, kind) in [("blake2", HashKind::Blake2b), ("blake3", HashKind::Blake3)] {
        let accepted = verified(&format!("{name}.sig"), &key("p256")).unwrap();
        assert_eq!(accepted.manifest.hash, kind);
        assert_eq!(differences(&path("model"), &accepted), []);
    }
    let refused = verified("shards.sig", &key("p256")).unwrap_err();
    assert!(refused.contains("shards"), "{refused}");
}

#[test]
fn a_model_of_one_file_is_verified_and_no_other_file_passes_for_it() {
    let accepted = verified("file.sig", &key("p256")).unwrap();
    assert_eq!(differences(&path("model/config.json"), &accepted), []);
    assert_eq!(
        differences(&path("model/Z.txt"), &accepted),
        [Difference::Changed(".".into())]
    );
}

#[test]
fn a_certificate_counts_under_its_root_and_says_who_signed() {
    let accepted = verified("certificate.sig", &root("root")).unwrap();
    assert_eq!(differences(&path("model"), &accepted), []);
    let SignedBy::Certificate(subject) = &accepted.signed_by else {
        panic!("{accepted:?}")
    };
    assert_eq!(subject.identities, ["ada@example.org"]);
    assert_eq!(subject.issuer.as_deref(), Some("https://login.example.org"));
    let require = |identity, issuer| accepted.signed_by.require(identity, issuer);
    let provider = Some("https://login.example.org");
    assert_eq!(require(Some("ada@example.org"), provider), Ok(()));
    assert_eq!(require(None, None), Ok(()));
    let refused = require(Some("eve@example.org"), provider)
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused,
        "none of the expected identities matched what was in the certificate, got subjects [ada@example.org] \
         with issuer https://login.example.org"
    );
    assert!(require(Some("ada@example.org"), Some("https://other.example.org")).is_err());

    let plain = verified("certificate-plain.sig", &root("root")).unwrap();
    assert_eq!(plain.signed_by.require(Some("plain"), Some("root")), Ok(()));
    // A bare key binds no identity at all.
    let by_key = verified("p256.sig", &key("p256")).unwrap();
    let refused = by_key
        .signed_by
        .require(Some("ada@example.org"), None)
        .unwrap_err();
    assert!(refused.to_string().contains("only claimed"), "{refused}");
}

#[test]
fn certificates_that_prove_nothing_are_refused() {
    for (signature, verifier, why) in [
        ("certificate.sig", root("stranger"), "no trusted root"),
        ("certificate-unfit.sig", root("root"), "may not sign"),
        (
            "certificate-under-leaf.sig",
            root("root"),
            "no trusted root",
        ),
        ("certificate.sig", key("p256"), "--root"),
        ("p256.sig", root("root"), "--key"),
    ] {
        let refused = verified(signature, &verifier).unwrap_err();
        assert!(refused.contains(why), "{signature}: {refused}");
    }
}

proptest! {
    #[test]
    fn a_changed_signature_file_is_refused_or_means_the_same(
        name in prop::sample::select(vec!["p256.sig", "certificate.sig"]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let verifier = if name == "p256.sig" { key("p256") } else { root("root") };
        let whole = fs::read(path(name)).unwrap();
        let mut changed = whole.clone();
        let at = at.index(changed.len());
        changed[at] = byte;
        if cut {
            changed.truncate(at);
        }
        if let Ok(read) = verify(&changed, &verifier) {
            prop_assert_eq!(read, verify(&whole, &verifier).unwrap());
        }
    }
}
