use std::sync::OnceLock;

use assay_attest::{
    Functionary, INGEST, RUN_TRAINING, SigningKey, Trust, Window,
    intoto::{self, Layout},
    json::jcs,
    platform_layout,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

/// A key that plays every part.
///
/// It is new in every process, so that no private key lies in the repository; what is signed with it is signed by
/// the targets themselves, so an input means the same in every process.
pub fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(SigningKey::generate)
}

/// The time at which everything is verified.
pub fn now() -> OffsetDateTime {
    datetime!(2026-06-01 12:00 UTC)
}

fn functionaries() -> Vec<Functionary> {
    vec![Functionary {
        name: "fuzzer".into(),
        key: key().public().clone(),
        steps: vec![INGEST.into(), RUN_TRAINING.into()],
        window: Window::default(),
    }]
}

/// The platform's layout, with [`key`] as its only functionary.
fn layout() -> Layout {
    platform_layout(&functionaries(), datetime!(2036-01-01 0:00 UTC))
}

/// [`layout`], signed.
fn layout_value() -> Value {
    let signed = intoto::sign(&layout(), key()).expect("the platform's layout can be signed");
    serde_json::from_slice(&signed).expect("a signed layout is JSON")
}

/// Trust in [`key`].
pub fn trust() -> Trust {
    let keys = [key(), key()].map(|key| key.public().clone());
    let [owner, platform] = keys;
    Trust::new(owner, platform, functionaries(), layout_value(), None)
}

/// The document as an AIBoM's file that [`key`] signed; `None` if it is no object.
pub fn sign_bom(mut document: Value) -> Option<Vec<u8>> {
    let (x, y) = key().public().jwk_coordinates();
    let public = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
    let core = json!({"algorithm": "ES256", "publicKey": public});
    document.as_object_mut()?.insert("signature".into(), core);
    let value = URL_SAFE_NO_PAD.encode(key().sign_raw(&jcs(&document)).ok()?);
    let signature = document.get_mut("signature")?.as_object_mut()?;
    signature.insert("value".into(), value.into());
    Some(jcs(&document))
}
