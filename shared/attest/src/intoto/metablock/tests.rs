use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Digest, intoto::Link};

fn link() -> Link {
    let mut link = Link::new("step", vec!["run".into(), "it\tnow".into()]);
    link.materials
        .insert("job/inputs/a é.csv".into(), Digest::of(b"a"));
    link.products
        .insert("job/outputs/b".into(), Digest::of(b"b"));
    link.byproducts.insert("return-value".into(), 0.into());
    link.environment.insert(
        "nested".into(),
        json!({"n": [1, null, true], "text": "\"\\\n\u{1}"}),
    );
    link
}

fn file() -> (SigningKey, Value) {
    let key = SigningKey::generate();
    let bytes = sign(&link(), &key).unwrap();
    (key, serde_json::from_slice(&bytes).unwrap())
}

fn reread(value: &Value) -> Result<Signed<Link>, MetadataError> {
    Signed::parse(&jcs(value))
}

#[test]
fn what_is_signed_is_read_back_and_verifies_with_its_key_only() {
    let key = SigningKey::generate();
    let signed = Signed::<Link>::parse(&sign(&link(), &key).unwrap()).unwrap();
    assert_eq!(signed.verify(key.public()), Ok(&link()));
    let other = SigningKey::generate();
    assert!(matches!(
        signed.verify(other.public()),
        Err(MetadataError::OtherKey { .. })
    ));
}

#[test]
fn a_changed_value_breaks_the_signature() {
    let (key, value) = file();
    for (pointer, other) in [
        ("/signed/name", json!("other")),
        ("/signed/command/0", json!("other")),
        (
            "/signed/products/job~1outputs~1b/sha256",
            json!(Digest::of(b"c")),
        ),
        ("/signed/environment/nested/n/0", json!(2)),
        ("/signed/byproducts/return-value", json!(1)),
    ] {
        let mut changed = value.clone();
        *changed.pointer_mut(pointer).unwrap() = other;
        let signed = reread(&changed).unwrap();
        assert_eq!(
            signed.verify(key.public()),
            Err(KeyError::Mismatch(key.keyid()).into()),
            "{pointer}"
        );
    }
}

#[test]
fn other_shapes_are_refused() {
    let (_, value) = file();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = value.clone();
        change(&mut changed);
        assert!(reread(&changed).is_err(), "{changed}");
    };
    refused(&|file| file["extra"] = json!(1));
    refused(&|file| file["signed"]["extra"] = json!(1));
    refused(&|file| file["signed"]["_type"] = json!("layout"));
    refused(&|file| file["signed"]["environment"] = Value::Null);
    refused(&|file| file["signed"]["environment"]["share"] = json!(0.5));
    refused(&|file| file["signatures"] = json!([]));
    refused(&|file| file["signatures"] = json!([file["signatures"][0], file["signatures"][0]]));
    refused(&|file| file["signatures"][0]["extra"] = json!(1));
    refused(&|file| {
        file["signatures"][0]["sig"] = file["signatures"][0]["sig"]
            .to_string()
            .to_uppercase()
            .into()
    });
    refused(&|file| file["signatures"][0]["keyid"] = json!("xyz"));
    refused(&|file| file["signed"]["products"]["../x"] = json!({"sha256": Digest::of(b"")}));
    refused(&|file| file["signed"]["products"]["/x"] = json!({"sha256": Digest::of(b"")}));
    refused(&|file| file["signed"]["products"]["x"] = json!({"sha512": Digest::of(b"")}));
    refused(&|file| {
        file["signed"]["products"]["x"] = json!({"sha256": Digest::of(b""), "md5": "00"})
    });
    refused(&|file| file["signed"]["products"]["x"] = json!({"sha256": "AB"}));
}

#[test]
fn what_could_not_be_verified_is_not_signed() {
    let key = SigningKey::generate();
    let mut fraction = link();
    fraction.environment.insert("share".into(), json!(0.5));
    assert!(matches!(
        sign(&fraction, &key),
        Err(MetadataError::Canonical(CanonicalError::Fraction(_)))
    ));
    let mut path = link();
    path.products.insert("../x".into(), Digest::of(b""));
    assert!(matches!(sign(&path, &key), Err(MetadataError::Shape(_))));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Signed::<Link>::parse(&bytes).is_err());
        prop_assert!(Signed::<crate::intoto::Layout>::parse(&bytes).is_err());
    }

    #[test]
    fn any_text_survives_signing(text in any::<String>(), path in "[a-zA-Zäé €😀.]{1,20}") {
        prop_assume!(crate::check_path(&path).is_ok());
        let key = SigningKey::generate();
        let mut link = Link::new(text.clone(), vec![text.clone()]);
        link.materials.insert(path, Digest::of(b""));
        link.environment.insert(text.clone(), text.into());
        let signed = Signed::<Link>::parse(&sign(&link, &key).unwrap()).unwrap();
        prop_assert_eq!(signed.verify(key.public()), Ok(&link));
    }
}
