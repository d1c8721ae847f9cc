use p256::ecdsa::signature::hazmat::PrehashSigner as _;

use super::*;

fn key() -> SigningKey {
    SigningKey::generate()
}

/// The order of the curve's group, for turning a low s into the high one.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
    0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn order_minus(s: &[u8]) -> [u8; 32] {
    let mut result = [0; 32];
    let mut borrow = 0;
    for i in (0..32).rev() {
        let difference = i32::from(ORDER[i]) - i32::from(s[i]) - borrow;
        borrow = i32::from(difference < 0);
        result[i] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    result
}

#[test]
fn signatures_verify_for_their_message_and_key_only() {
    let key = key();
    let (der, raw) = (
        key.sign_der(b"message").unwrap(),
        key.sign_raw(b"message").unwrap(),
    );
    assert_eq!(key.public().verify_der(b"message", &der), Ok(()));
    assert_eq!(key.public().verify_raw(b"message", &raw), Ok(()));
    assert_eq!(
        key.public().verify_der(b"other", &der),
        Err(KeyError::Mismatch(key.keyid()))
    );
    assert!(
        SigningKey::generate()
            .public()
            .verify_raw(b"message", &raw)
            .is_err()
    );
}

#[test]
fn high_s_is_refused() {
    let key = key();
    let mut raw = key.sign_raw(b"message").unwrap();
    let high = order_minus(&raw[32..]);
    raw[32..].copy_from_slice(&high);
    assert_eq!(
        key.public().verify_raw(b"message", &raw),
        Err(KeyError::Encoding)
    );
    let der = ecdsa::Signature::from_slice(&raw).unwrap().to_der();
    assert_eq!(
        key.public().verify_der(b"message", der.as_bytes()),
        Err(KeyError::Encoding)
    );
}

#[test]
fn der_has_one_encoding() {
    let key = key();
    let der = key.sign_der(b"message").unwrap();
    let mut long_form = vec![0x30, 0x81, der[1]];
    long_form.extend_from_slice(&der[2..]);
    let mut trailing = der.clone();
    trailing.push(0);
    for bad in [
        &long_form,
        &trailing,
        &der[..der.len() - 1].to_vec(),
        &vec![],
    ] {
        assert_eq!(
            key.public().verify_der(b"message", bad),
            Err(KeyError::Encoding)
        );
    }
}

#[test]
fn pem_round_trips_and_ends_with_a_line_end() {
    let key = key();
    let again = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
    assert_eq!(again.public(), key.public());
    let pem = key.public().to_pem();
    assert!(pem.ends_with("-----END PUBLIC KEY-----\n"));
    assert_eq!(PublicKey::from_pem(pem).unwrap(), *key.public());
    assert_eq!(PublicKey::from_pem("nonsense"), Err(KeyError::Public));
    assert_eq!(
        SigningKey::from_pkcs8_pem(pem).map(|key| key.keyid()),
        Err(KeyError::Private)
    );
}

#[test]
fn secrets_are_not_shown() {
    let key = key();
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", key.keyid()));
}

#[test]
fn keyid_and_coordinates_are_those_of_other_tools() {
    // Made with securesystemslib 1.6.0 and cryptography 50.0.2 from this PEM.
    let key = PublicKey::from_pem(include_str!("fixture.pub")).unwrap();
    assert_eq!(
        key.keyid().to_string(),
        include_str!("fixture.keyid").trim()
    );
    assert_eq!(key.keyid().short(), &include_str!("fixture.keyid")[..8]);
    let (x, y) = key.jwk_coordinates();
    assert_eq!(format!("{x} {y}"), include_str!("fixture.xy").trim());
}

#[test]
fn hexadecimal_signatures_have_one_spelling() {
    let key = SigningKey::generate();
    let signature = key.sign_hex(b"text").unwrap();
    key.public().verify_hex(b"text", &signature).unwrap();
    for bad in [
        signature.to_uppercase(),
        format!("{signature}0"),
        String::new(),
    ] {
        assert!(key.public().verify_hex(b"text", &bad).is_err(), "{bad:?}");
    }
    assert!(key.public().verify_hex(b"other", &signature).is_err());
}

/// A key elsewhere that signs with `actual`, in the other s if `high` is set.
fn elsewhere(public: &SigningKey, actual: SigningKey, high: bool) -> SigningKey {
    SigningKey::elsewhere(public.public().clone(), move |digest| {
        let Secret::Here(secret) = &actual.secret else {
            panic!("the key is here");
        };

        let signature: ecdsa::Signature = secret.sign_prehash(digest.as_bytes()).unwrap();
        let mut raw: [u8; 64] = signature.to_bytes().into();
        if high {
            let other = order_minus(&raw[32..]);
            raw[32..].copy_from_slice(&other);
        }
        let signature = ecdsa::Signature::from_slice(&raw).unwrap();
        Ok(signature.to_der().as_bytes().to_vec())
    })
}

#[test]
fn a_key_elsewhere_signs_as_one_that_is_here() {
    let key = key();
    for high in [false, true] {
        let away = elsewhere(&key, key.clone(), high);
        let (der, raw) = (away.sign_der(b"m").unwrap(), away.sign_raw(b"m").unwrap());
        assert_eq!(key.public().verify_der(b"m", &der), Ok(()));
        assert_eq!(key.public().verify_raw(b"m", &raw), Ok(()));
        assert!(away.to_pkcs8_pem().is_err());
    }
}

#[test]
fn what_another_key_signed_elsewhere_is_not_taken() {
    let key = key();
    let wrong = elsewhere(&key, SigningKey::generate(), false);
    assert!(matches!(
        wrong.sign_der(b"m"),
        Err(KeyError::Signer(SignerError { passing: false, .. }))
    ));
    let garbled = SigningKey::elsewhere(key.public().clone(), |_| Ok(b"no signature".to_vec()));
    assert!(garbled.sign_hex(b"m").is_err());
}

#[test]
fn trouble_with_a_key_elsewhere_is_found_in_every_error() {
    let reason = SignerError {
        reason: "away".to_owned(),
        passing: true,
    };
    let away = reason.clone();
    let key = SigningKey::elsewhere(key().public().clone(), move |_| Err(away.clone()));
    let link = crate::intoto::Link::new("step", Vec::new());
    let unsigned = crate::intoto::sign(&link, &key).unwrap_err();
    assert_eq!(SignerError::of(&unsigned), Some(&reason));
    let manifest = crate::model_signing::Manifest::of_outputs([(
        "u/outputs/model.json",
        crate::Digest::of(b"x"),
    )]);
    let unsigned = manifest
        .sign(&crate::sigstore::Signer::Key(&key))
        .unwrap_err();
    assert_eq!(SignerError::of(&unsigned), Some(&reason));
    let statement = crate::statement::Statement::of_bom(&link, serde_json::Value::Null);
    let unsigned = statement.sign(&key).unwrap_err();
    assert_eq!(SignerError::of(&unsigned), Some(&reason));
    assert_eq!(SignerError::of(&KeyError::Private), None);
}
