use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn signed(payload: &[u8]) -> (SigningKey, Envelope) {
    let key = SigningKey::generate();
    let mut envelope = Envelope::new(IN_TOTO, payload.to_vec());
    envelope.sign(&key).unwrap();
    (key, envelope)
}

fn read(value: &Value) -> Result<Envelope, DsseError> {
    Envelope::parse(value.to_string().as_bytes(), &Limits::METADATA)
}

#[test]
fn the_encoding_that_is_signed_is_that_of_the_specification() {
    let envelope = Envelope::new("http://example.com/HelloWorld", b"hello world".to_vec());
    assert_eq!(
        envelope.pae(),
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    );
}

#[test]
fn a_threshold_counts_keys_and_not_signatures() {
    let (a, mut envelope) = signed(b"x");
    let b = SigningKey::generate();
    let keys: Vec<VerificationKey> = [&a, &b].map(|key| key.public().clone().into()).into();
    envelope.signatures.push(envelope.signatures[0].clone());
    assert_eq!(envelope.verify(&keys, 1), Ok(vec![a.keyid()]));
    assert_eq!(
        envelope.verify(&keys, 2),
        Err(DsseError::Threshold {
            found: 1,
            needed: 2
        })
    );
    envelope.sign(&b).unwrap();
    assert_eq!(envelope.verify(&keys, 2).map(|keys| keys.len()), Ok(2));
    assert!(envelope.verify(&[], 0).is_err());
    // Signing again replaces one's own signatures.
    envelope.sign(&a).unwrap();
    assert_eq!(envelope.signatures.len(), 2);
}

#[test]
fn only_one_form_is_accepted_strictly() {
    let (key, envelope) = signed(b"{}");
    let bytes = envelope.to_bytes();
    let again = Envelope::parse_canonical(&bytes, &Limits::METADATA).unwrap();
    assert_eq!(
        again.verify_only(IN_TOTO, key.public()),
        Ok(b"{}".as_slice())
    );
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    let mut more = value.clone();
    more["other"] = json!(1);
    for text in [
        serde_json::to_string_pretty(&value).unwrap(),
        more.to_string(),
        format!("{value} "),
    ] {
        let lenient = Envelope::parse(text.as_bytes(), &Limits::METADATA);
        assert_eq!(lenient, Ok(envelope.clone()), "{text}");
        assert!(
            Envelope::parse_canonical(text.as_bytes(), &Limits::METADATA).is_err(),
            "{text}"
        );
    }
    let other = SigningKey::generate();
    assert!(again.verify_only(IN_TOTO, other.public()).is_err());
    assert!(again.verify_only("text/plain", key.public()).is_err());
    let mut twice = again;
    twice.sign(&other).unwrap();
    assert_eq!(
        twice.verify_only(IN_TOTO, key.public()),
        Err(DsseError::Signatures(2))
    );
}

#[test]
fn what_is_no_envelope_is_refused() {
    let good = json!({"payload": "e30=", "payloadType": "t", "signatures": [{"sig": "AA=="}]});
    assert_eq!(read(&good).unwrap().signatures[0].keyid, "");
    for (pointer, wrong) in [
        ("/payload", json!("e30")),
        ("/payload", json!("é")),
        ("/payload", json!(null)),
        ("/payloadType", json!(1)),
        ("/signatures", json!({})),
        ("/signatures/0", json!("AA==")),
        ("/signatures/0/sig", json!("A===")),
        ("/signatures", json!(vec![json!({"sig": "AA=="}); 65])),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert!(
            matches!(read(&changed), Err(DsseError::Shape(_))),
            "{changed}"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Envelope::parse(&bytes, &Limits::METADATA).is_err());
    }

    #[test]
    fn any_payload_and_type_survive(payload in prop::collection::vec(any::<u8>(), 0..200), kind in any::<String>()) {
        let key = SigningKey::generate();
        let mut envelope = Envelope::new(kind, payload);
        envelope.sign(&key).unwrap();
        let again = Envelope::parse_canonical(&envelope.to_bytes(), &Limits::METADATA).unwrap();
        prop_assert_eq!(&again, &envelope);
        prop_assert!(again.verify(&[key.public().clone().into()], 1).is_ok());
    }

    #[test]
    fn a_changed_byte_of_the_payload_or_type_breaks_it(at in 0_usize..20, bit in 0_u8..7) {
        let (key, mut envelope) = signed(&[b'a'; 20]);
        envelope.payload[at] ^= 1 << bit;
        prop_assert!(envelope.verify_only(IN_TOTO, key.public()).is_err());
    }
}
