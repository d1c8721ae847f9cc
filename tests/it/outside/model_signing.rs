//! The command line of `model_signing` over our signatures, and ours over its.

pub(crate) mod scene;

use std::fs;

use scene::{Scene, tampered};

use super::{python, show};
use crate::support::{files, server::Server};

#[test]
fn each_accepts_the_others_signature_by_key_and_both_refuse_every_change() {
    let scene = Scene::new();
    scene
        .ours("sign model --key key.pem --signature ours.sig")
        .unwrap();
    scene
        .theirs("sign key model --private_key key.pem --signature theirs.sig")
        .unwrap();
    let both = |name: &str| {
        let theirs = format!("verify key model --public_key key.pub --signature {name}");
        let ours = format!("verify model --key key.pub --signature {name}");
        (scene.theirs(&theirs), scene.ours(&ours))
    };
    for name in ["ours.sig", "theirs.sig"] {
        assert_eq!(both(name), (Ok(()), Ok(())), "{name}");
        tampered(&scene.model(), &mut |change| {
            let (theirs, ours) = both(name);
            assert!(theirs.is_err() && ours.is_err(), "{name}: {change}");
        });
    }
    // Within the model, the signature is no part of it.
    scene
        .ours("sign model --key key.pem --signature model/model.sig")
        .unwrap();
    assert_eq!(both("model/model.sig"), (Ok(()), Ok(())));
}

#[test]
fn each_accepts_the_others_signature_by_certificate() {
    for (curve, hash) in [
        ("secp384r1", "sha256"),
        ("secp521r1", "sha512"),
        ("prime256v1", "sha512"),
    ] {
        by_certificate(&Scene::with_root(curve, hash));
    }
}

fn by_certificate(scene: &Scene) {
    scene
        .ours("sign model --key key.pem --certificate ada.crt --signature ours.sig")
        .unwrap();
    scene
        .theirs(
            "sign certificate model --private_key key.pem --signing_certificate ada.crt \
             --certificate_chain root.crt --signature theirs.sig",
        )
        .unwrap();
    for name in ["ours.sig", "theirs.sig"] {
        let line =
            format!("verify certificate model --certificate_chain root.crt --signature {name}");
        scene.theirs(&line).unwrap();
        let verify = |identity: &str| {
            scene.ours(&format!(
                "verify model --root root.crt --signature {name} --identity {identity} --issuer root"
            ))
        };
        verify("ada@example.org").unwrap();
        assert!(verify("eve@example.org").is_err(), "{name}");
    }
}

#[test]
fn a_trained_models_signature_is_accepted_where_it_lies() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let bundle = server.bundle(&server.train("wine", &["epochs=1"]), dir.path());
    let metrics = files(&bundle)
        .into_iter()
        .find(|file| file.ends_with("outputs/metrics.json"))
        .unwrap();
    let outputs = bundle.join(metrics.parent().unwrap());
    let verify = || {
        python("model_signing")
            .args(["verify", "key"])
            .arg(&outputs)
            .arg("--signature")
            .arg(bundle.join("model.sig"))
            .arg("--public_key")
            .arg(dir.path().join("trust/platform.pub"))
            .output()
            .unwrap()
    };
    let accepted = verify();
    assert!(accepted.status.success(), "{}", show(&accepted));
    fs::write(outputs.join("metrics.json"), "{}").unwrap();
    assert!(!verify().status.success());
}
