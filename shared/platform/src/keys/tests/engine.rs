//! What is true of an engine alone.

use std::{fs, path::Path, time::Duration as Patience};

use assay_test_parts::{Authority, OpenBao, Transit};
use serde_json::json;

use super::*;

pub(super) fn config(transit: &Transit, token_file: PathBuf) -> VaultConfig {
    VaultConfig {
        address: transit.address().to_owned(),
        mount: transit.mount().to_owned(),
        prefix: "assay-".to_owned(),
        token_file,
        namespace: String::new(),
        ca_file: PathBuf::new(),
        patience: Patience::from_secs(60),
    }
}

pub(super) fn place(dir: &Path, config: VaultConfig) -> Place {
    Place::Vault {
        dir: dir.to_owned(),
        engine: Engine::open(config).unwrap(),
        owner_file: false,
    }
}

#[test]
fn no_private_key_is_on_the_disk_or_leaves_the_engine() {
    let ground = Ground::engine();
    Keys::init_with(ground.place(), 2, true).unwrap();
    for entry in fs::read_dir(ground.dir()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("PRIVATE KEY-----"), "{}", path.display());
    }
    let transit = ground.transit.as_ref().unwrap();
    for name in ["owner", "platform", "api", "worker", "worker-2", "scanner"] {
        for what in ["export/signing-key", "backup"] {
            let path = format!("{}/{what}/assay-{name}", transit.mount());
            assert!(
                transit.ask(reqwest::Method::GET, &path, None).is_err(),
                "{path}"
            );
        }
    }
}

#[test]
fn the_owner_may_be_a_file_beside_an_engine() {
    let ground = Ground::engine();
    let Place::Vault { dir, engine, .. } = ground.place() else {
        panic!("the ground is an engine");
    };
    let with_file = Place::Vault {
        dir,
        engine,
        owner_file: true,
    };
    let keys = Keys::init(with_file).unwrap();
    assert!(ground.dir().join("owner.pem").is_file());
    // What lies there is found without being told.
    Keys::rotate(ground.place(), Rotated::Owner, Duration::DAY).unwrap();
    let rotated = read_trust(&ground.dir()).unwrap();
    rotated.check_continues(&keys.trust().owner).unwrap();
    fs::remove_file(ground.dir().join("owner.pem")).unwrap();
    let absent = Keys::reissue_layout(ground.place())
        .unwrap_err()
        .to_string();
    assert!(absent.contains("there is no such key"), "{absent}");
}

#[test]
fn a_token_that_may_not_says_which_policy_is_missing() {
    let ground = Ground::engine();
    Keys::init(ground.place()).unwrap();
    let (transit, dir) = (ground.transit.as_ref().unwrap(), ground.dir());
    let api = ground.service_in(&dir, Role::Api, "1");
    let refused = Keys::open_for(api, Service::Worker, "1").unwrap_err();
    assert!(!refused.is_passing());
    let refused = refused.to_string();
    let path = format!("path \"{}/keys/assay-worker\"", transit.mount());
    assert!(
        refused.contains(&path) && refused.contains("\"read\""),
        "{refused}"
    );

    // One that may read the key and not sign with it.
    let mount = transit.mount();
    let policy = format!("path \"{mount}/keys/*\" {{ capabilities = [\"read\"] }}");
    let token = transit.token_file("reader", &policy).unwrap();
    let reader = place(&dir, config(transit, token));
    let keys = Keys::open_for(reader, Service::Api, "1").unwrap();
    let refused = keys.api().unwrap().sign_der(b"x").unwrap_err().to_string();
    let path = format!("path \"{mount}/sign/assay-api\"");
    assert!(
        refused.contains(&path) && refused.contains("\"update\""),
        "{refused}"
    );
}

#[test]
fn what_is_not_a_key_of_ours_is_refused_with_the_reason() {
    let ground = Ground::engine();
    Keys::init(ground.place()).unwrap();
    let transit = ground.transit.as_ref().unwrap();
    let token = || transit.owner_token_file().unwrap();
    let open = |config| {
        let opened = Keys::open(place(&ground.dir(), config));
        opened.unwrap_err().to_string()
    };
    let other = |prefix: &str| VaultConfig {
        prefix: prefix.to_owned(),
        ..config(transit, token())
    };
    let make = |name: &str, kind: &str| {
        let path = format!("{}/keys/{name}", transit.mount());
        let body = Some(json!({"type": kind}));
        transit.ask(reqwest::Method::POST, &path, body).unwrap();
    };
    let absent = open(other("other-"));
    assert!(absent.contains("there is no such key"), "{absent}");
    make("odd-api", "aes256-gcm96");
    let odd = open(other("odd-"));
    assert!(odd.contains("expected ecdsa-p256"), "{odd}");
    make("foreign-api", "ecdsa-p256");
    let foreign = open(other("foreign-"));
    assert!(
        foreign.contains("is not the key of a functionary"),
        "{foreign}"
    );
    let nowhere = open(VaultConfig {
        mount: "nowhere".to_owned(),
        ..config(transit, token())
    });
    assert!(
        nowhere.contains("403") || nowhere.contains("mounted"),
        "{nowhere}"
    );
    let no_token = open(config(transit, "/no/such/token".into()));
    assert!(no_token.contains("/no/such/token"), "{no_token}");
}

#[test]
fn an_engine_that_is_away_is_waited_for_and_then_said() {
    let mut server = OpenBao::start().unwrap();
    let transit = Transit::create_on(&server.url()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets");
    let token = transit.owner_token_file().unwrap();
    let patient = place(&secrets, config(&transit, token.clone()));
    let keys = Keys::init(patient).unwrap();
    let key = keys.worker().unwrap().clone();
    server.stop();
    let signed = std::thread::spawn(move || key.sign_der(b"message"));
    server.cont();
    signed.join().unwrap().unwrap();

    let hasty = VaultConfig {
        patience: Patience::ZERO,
        ..config(&transit, token)
    };
    let keys = Keys::open(place(&secrets, hasty.clone())).unwrap();
    server.kill();
    let away = keys.worker().unwrap().sign_der(b"message").unwrap_err();
    assert!(
        matches!(&away, assay_attest::KeyError::Signer(error) if error.passing),
        "{away}"
    );
    assert!(away.to_string().contains("assay-worker"), "{away}");
    let away = Keys::open(place(&secrets, hasty)).unwrap_err();
    assert!(away.is_passing(), "{away}");
}

#[test]
fn tls_is_spoken_with_the_authority_that_is_named() {
    let authority = Authority::new().unwrap();
    let server = OpenBao::start_tls(&authority).unwrap();
    let transit = Transit::create_on(&server.url()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets");
    let tls = VaultConfig {
        address: format!("https://127.0.0.1:{}", server.tls_port().unwrap()),
        ca_file: authority.file(),
        ..config(&transit, transit.owner_token_file().unwrap())
    };
    let untrusting = VaultConfig {
        ca_file: PathBuf::new(),
        ..tls.clone()
    };
    let refused = Keys::init(place(&secrets, untrusting)).unwrap_err();
    assert!(!refused.is_passing());
    let refused = refused.to_string();
    assert!(refused.contains("keys.vault.ca_file"), "{refused}");
    let keys = Keys::init(place(&secrets, tls)).unwrap();
    keys.platform().unwrap().sign_der(b"message").unwrap();
}

#[tokio::test]
async fn asynchronous_code_signs_without_standing_still() {
    let ground = Ground::engine();
    let place = ground.place();
    let made = tokio::task::spawn_blocking(move || Keys::init(place));
    let keys = made.await.unwrap().unwrap();
    let key = keys.api().unwrap().clone();
    let public = key.public().clone();
    let signed = keys.signing(move || key.sign_der(b"message")).await;
    let signed = signed.unwrap().unwrap();
    public.verify_der(b"message", &signed).unwrap();
    // The last clone of an engine may be dropped here.
    drop(keys);
}
