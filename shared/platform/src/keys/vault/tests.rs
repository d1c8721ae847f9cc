use super::*;
use crate::keys::Role;

type Change = fn(&mut VaultConfig);

fn config() -> VaultConfig {
    VaultConfig {
        address: "https://vault.example:8200".to_owned(),
        mount: "transit".to_owned(),
        prefix: "assay-".to_owned(),
        token_file: "/run/token".into(),
        namespace: String::new(),
        ca_file: "".into(),
        patience: std::time::Duration::ZERO,
    }
}

#[test]
fn settings_that_would_give_a_token_away_are_refused() {
    let with = |change: Change| {
        let mut config = config();
        change(&mut config);
        settings::check(&config)
    };
    with(|_| {}).unwrap();
    with(|one| one.address = "http://127.0.0.1:8200/".to_owned()).unwrap();
    with(|one| one.mount = "teams/ml/transit".to_owned()).unwrap();
    let wrong: [(Change, &str); 10] = [
        (|one| one.address = String::new(), "address"),
        (
            |one| one.address = "http://vault.example".to_owned(),
            "https",
        ),
        (
            |one| one.address = "http://127.0.0.1.example".to_owned(),
            "https",
        ),
        (|one| one.address = "ftp://127.0.0.1".to_owned(), "https"),
        (
            |one| one.address = "https://vault.example/v1".to_owned(),
            "alone",
        ),
        (|one| one.mount = "../sys".to_owned(), "mount"),
        (|one| one.mount = String::new(), "mount"),
        (|one| one.prefix = "a/b".to_owned(), "prefix"),
        (|one| one.namespace = "a b".to_owned(), "namespace"),
        (|one| one.token_file = "".into(), "token_file"),
    ];
    for (change, word) in wrong {
        let refused = with(change).unwrap_err();
        assert!(refused.contains(word), "{refused}");
    }
}

#[test]
fn a_policy_has_what_its_service_needs_and_no_more() {
    let engine = Engine::open(config()).unwrap();
    let worker = engine.policy(Grant::Service(Role::Worker, "2"));
    assert_eq!(
        worker,
        "path \"transit/keys/assay-worker-2\" { capabilities = [\"read\"] }\n\
         path \"transit/sign/assay-worker-2\" { capabilities = [\"update\"] }\n\
         path \"transit/keys/assay-platform\" { capabilities = [\"read\"] }\n\
         path \"transit/sign/assay-platform\" { capabilities = [\"update\"] }\n"
    );
    let api = engine.policy(Grant::Service(Role::Api, "1"));
    assert!(!api.contains("platform") && api.contains("sign/assay-api"));
    let owner = engine.policy(Grant::Owner);
    assert!(owner.contains("transit/keys/assay-*") && owner.contains("sign/assay-owner"));
}
