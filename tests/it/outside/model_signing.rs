//! The command line of `model_signing` over our signatures, and ours over its.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{python, script, show};
use crate::support::{files, run, run_ok, server::Server, text};

/// Changes that every verifier must refuse.
fn tampered(model: &Path, check: &mut dyn FnMut(&str)) {
    let at = |path: &str| model.join(path);
    let config = fs::read(at("config.json")).unwrap();
    fs::write(at("config.json"), "{\"a\":2}").unwrap();
    check("changed");
    fs::write(at("config.json"), &config).unwrap();
    fs::write(at("added"), "").unwrap();
    check("added");
    fs::remove_file(at("added")).unwrap();
    fs::rename(at("sub.z"), at("sub.y")).unwrap();
    check("renamed");
    fs::rename(at("sub.y"), at("sub.z")).unwrap();
    let swap = || {
        fs::rename(at("sub.z"), at("tmp")).unwrap();
        fs::rename(at("config.json"), at("sub.z")).unwrap();
        fs::rename(at("tmp"), at("config.json")).unwrap();
    };
    swap();
    check("swapped");
    swap();
    fs::rename(at("sub.z"), model.with_extension("kept")).unwrap();
    check("removed");
    fs::rename(model.with_extension("kept"), at("sub.z")).unwrap();
}

struct Scene {
    dir: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let model = dir.path().join("model");
        fs::create_dir_all(model.join("sub")).unwrap();
        fs::create_dir(model.join(".git")).unwrap();
        for (path, content) in [
            ("config.json", "{}"),
            ("sub/ü b.bin", "0123"),
            ("sub.z", "z"),
            (".git/x", "x"),
            ("Z", ""),
        ] {
            fs::write(model.join(path), content).unwrap();
        }
        let scene = Self { dir };
        scene.openssl(&[
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-out",
            "key.pem",
        ]);
        scene.openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "key.pub"]);
        let extensions = "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                          subjectAltName=email:ada@example.org\n";
        fs::write(scene.at("extensions"), extensions).unwrap();
        scene.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:secp384r1",
            "-nodes",
            "-keyout",
            "root.pem",
            "-out",
            "root.crt",
            "-days",
            "30",
            "-subj",
            "/CN=root",
            "-addext",
            "keyUsage=critical,keyCertSign",
        ]);
        scene.openssl(&[
            "req", "-new", "-key", "key.pem", "-subj", "/CN=ada", "-out", "request",
        ]);
        scene.openssl(&[
            "x509",
            "-req",
            "-in",
            "request",
            "-CA",
            "root.crt",
            "-CAkey",
            "root.pem",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "extensions",
            "-out",
            "ada.crt",
        ]);
        scene
    }

    fn at(&self, name: &str) -> String {
        text(&self.dir.path().join(name)).to_owned()
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .current_dir(self.dir.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", show(&output));
    }

    fn theirs(&self, arguments: &[&str]) -> Result<(), String> {
        let output = python("model_signing")
            .current_dir(self.dir.path())
            .args(arguments)
            .output()
            .unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(show(&output))
        }
    }

    fn ours(&self, arguments: &[&str]) -> bool {
        let mut all = vec!["model"];
        all.extend(arguments);
        run(&all).status.success()
    }

    fn model(&self) -> PathBuf {
        self.dir.path().join("model")
    }
}

#[test]
fn each_accepts_the_others_signature_by_key_and_both_refuse_every_change() {
    let scene = Scene::new();
    let (model, key, public) = (scene.at("model"), scene.at("key.pem"), scene.at("key.pub"));
    run_ok(&[
        "model",
        "sign",
        &model,
        "--key",
        &key,
        "--signature",
        &scene.at("ours.sig"),
    ]);
    scene
        .theirs(&[
            "sign",
            "key",
            "model",
            "--private_key",
            "key.pem",
            "--signature",
            "theirs.sig",
        ])
        .unwrap();
    let both = |name: &str| {
        let theirs = scene.theirs(&[
            "verify",
            "key",
            "model",
            "--public_key",
            "key.pub",
            "--signature",
            name,
        ]);
        let ours = scene.ours(&[
            "verify",
            &model,
            "--key",
            &public,
            "--signature",
            &scene.at(name),
        ]);
        (theirs, ours)
    };
    for name in ["ours.sig", "theirs.sig"] {
        let (theirs, ours) = both(name);
        theirs.unwrap();
        assert!(ours, "{name}");
        tampered(&scene.model(), &mut |change| {
            let (theirs, ours) = both(name);
            assert!(theirs.is_err() && !ours, "{name}: {change}");
        });
    }
    // Within the model, the signature is no part of it.
    run_ok(&[
        "model",
        "sign",
        &model,
        "--key",
        &key,
        "--signature",
        &scene.at("model/model.sig"),
    ]);
    scene
        .theirs(&[
            "verify",
            "key",
            "model",
            "--public_key",
            "key.pub",
            "--signature",
            "model/model.sig",
        ])
        .unwrap();
    assert!(scene.ours(&[
        "verify",
        &model,
        "--key",
        &public,
        "--signature",
        &scene.at("model/model.sig")
    ]));
}

#[test]
fn each_accepts_the_others_signature_by_certificate() {
    let scene = Scene::new();
    let model = scene.at("model");
    run_ok(&[
        "model",
        "sign",
        &model,
        "--key",
        &scene.at("key.pem"),
        "--certificate",
        &scene.at("ada.crt"),
        "--signature",
        &scene.at("ours.sig"),
    ]);
    scene
        .theirs(&[
            "sign",
            "certificate",
            "model",
            "--private_key",
            "key.pem",
            "--signing_certificate",
            "ada.crt",
            "--certificate_chain",
            "root.crt",
            "--signature",
            "theirs.sig",
        ])
        .unwrap();
    for name in ["ours.sig", "theirs.sig"] {
        scene
            .theirs(&[
                "verify",
                "certificate",
                "model",
                "--certificate_chain",
                "root.crt",
                "--signature",
                name,
            ])
            .unwrap();
        let verify = |identity: &str| {
            scene.ours(&[
                "verify",
                &model,
                "--root",
                &scene.at("root.crt"),
                "--signature",
                &scene.at(name),
                "--identity",
                identity,
                "--issuer",
                "root",
            ])
        };
        assert!(verify("ada@example.org"), "{name}");
        assert!(!verify("eve@example.org"), "{name}");
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

#[test]
fn a_file_signed_inside_loads_and_is_checked_with_stock_packages() {
    let scene = Scene::new();
    let fixtures = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/attest/tests/fixtures/weights"
    );
    let (file, before) = (
        scene.at("m.safetensors"),
        format!("{fixtures}/numbers.safetensors"),
    );
    fs::copy(&before, &file).unwrap();
    run_ok(&[
        "model",
        "sign",
        &file,
        "--key",
        &scene.at("key.pem"),
        "--name",
        "wine ü",
        "--with-safe-hash",
        "--identity",
        "ada@example.org",
    ]);
    let check = || {
        python("python")
            .arg(script("check_safetensors.py"))
            .args([&file, &scene.at("key.pub"), &before])
            .output()
            .unwrap()
    };
    let accepted = check();
    assert!(accepted.status.success(), "{}", show(&accepted));
    let verify = |more: &[&str]| {
        let mut all = vec!["verify", &file, "--key"];
        let key = scene.at("key.pub");
        all.push(&key);
        all.extend(more);
        scene.ours(&all)
    };
    assert!(verify(&[]));
    assert!(!verify(&["--identity", "ada@example.org"]), "claimed only");
    assert!(
        !scene.ours(&["meta", &file, "--set", "hello=world"]),
        "it would leave a stale signature"
    );
    assert!(scene.ours(&[
        "meta",
        &file,
        "--set",
        "hello=world",
        "--key",
        &scene.at("key.pem")
    ]));
    assert!(verify(&[]));
    assert!(check().status.success());

    let proof = run_ok(&["model", "hash", &file, "--tensor", "int8"]);
    fs::write(scene.at("proof.json"), &proof).unwrap();
    assert!(verify(&["--tensor", &scene.at("proof.json")]));
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(!verify(&[]) && !check().status.success());
}

#[test]
fn hashes_agree_for_every_form_and_a_hostile_file_is_not_executed() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = |name: &str| {
        format!(
            "{}/../shared/attest/tests/fixtures/weights/{name}",
            env!("CARGO_MANIFEST_DIR")
        )
    };
    let hash = |path: &str| run_ok(&["model", "hash", path, "--safe-hash"]);
    let converted = text(&dir.path().join("plain.safetensors")).to_owned();
    run_ok(&["model", "convert", &fixture("plain.bin"), &converted]);
    let expected = fs::read_to_string(fixture("expected.json")).unwrap();
    for path in [
        fixture("plain.safetensors"),
        fixture("plain.legacy.bin"),
        converted,
    ] {
        assert!(expected.contains(hash(&path).trim()), "{path}");
    }
    let refused = run(&["model", "hash", &fixture("hostile.bin")]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("posix.system") && said.contains("nothing was executed"),
        "{said}"
    );
    assert!(!Path::new("executed").exists());
}
