use super::*;
use crate::sandbox::Mechanism;

fn load(
    file: &str,
    variables: &[(&str, &str)],
    overrides: &[(&str, &str)],
) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let overrides: Vec<_> = overrides
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    let file = Some(("f.toml".into(), file.into()));
    Config::layered(file, &[], variables, &overrides)
}

fn refused(file: &str, variables: &[(&str, &str)], overrides: &[(&str, &str)]) -> String {
    load(file, variables, overrides).unwrap_err().to_string()
}

#[test]
fn the_default_file_says_what_the_code_does() {
    let config = Config::in_dir("/x").unwrap();
    assert_eq!(config.dir, PathBuf::from("/x"));
    assert_eq!(config.data_limits, DataLimits::default());
    assert_eq!(config.sandbox, SandboxConfig::default());
    assert_eq!(config.lease, Duration::from_secs(30));
    assert_eq!(config.download_ttl, Duration::from_secs(3600));
    assert!(config.trainer_threads >= 1);
}

#[test]
fn later_layers_win() {
    let file = "worker_slots = 2\nmax_attempts = 5\nupload_limit_bytes = 10\n[sandbox.limits]\nthreads = 8\n";
    let variables = [
        ("ASSAY__MAX_ATTEMPTS", "6"),
        ("ASSAY__UPLOAD_LIMIT_BYTES", "20"),
        ("ASSAY__SANDBOX__LIMITS__MEMORY_BYTES", "1024"),
        ("ASSAY__SANDBOX__ALLOW_MISSING", "[\"seccomp\"]"),
        ("ASSAY__DIR", "/some where/else"),
        ("PATH", "/bin"),
    ];
    let config = load(file, &variables, &[("upload_limit_bytes", "30")]).unwrap();
    assert_eq!(config.worker_slots, 2);
    assert_eq!(config.max_attempts, 6);
    assert_eq!(config.upload_limit_bytes, 30);
    assert_eq!(config.sandbox.limits.threads, 8);
    assert_eq!(config.sandbox.limits.memory_bytes, 1024);
    assert!(config.sandbox.allow_missing.contains(&Mechanism::Seccomp));
    assert_eq!(config.sandbox.allow_missing.len(), 1);
    assert_eq!(config.dir, PathBuf::from("/some where/else"));
}

#[test]
fn unknown_names_are_refused_by_name() {
    let text = refused("[sandbox.limits]\nmemory = 1\n", &[], &[]);
    assert!(
        text.contains("f.toml") && text.contains("sandbox.limits.memory"),
        "{text}"
    );
    let text = refused("", &[("ASSAY__LISTENN", "x")], &[]);
    assert!(
        text.contains("ASSAY__LISTENN") && text.contains("listenn"),
        "{text}"
    );
    for name in ["sandbox", "dir.x", "", "sandbox.limits.threads.x"] {
        let text = refused("", &[], &[(name, "1")]);
        assert!(text.contains("no setting"), "{text}");
    }
}

#[test]
fn wrong_values_are_refused() {
    for (name, value) in [
        ("listen", "0.0.0.0:8000"),
        ("listen", "nonsense"),
        ("status.listen", "0.0.0.0:8001"),
        ("status.listen", "nonsense"),
        ("worker_slots", "0"),
        ("worker_slots", "\"two\""),
        ("max_attempts", "-1"),
        ("lease_seconds", "0"),
        ("download_ttl_seconds", "0"),
        ("upload_limit_bytes", "0"),
        ("log.format", "xml"),
        ("sandbox.allow_missing", "[\"everything\"]"),
        ("max_attempts", "1\nlisten = 2"),
        ("max_attempts", "not toml"),
    ] {
        if (name, value) == ("max_attempts", "1\nlisten = 2") {
            // A line end smuggles in nothing: only `value` is read.
            assert_eq!(load("", &[], &[(name, value)]).unwrap().max_attempts, 1);
            continue;
        }
        assert!(load("", &[], &[(name, value)]).is_err(), "{name} = {value}");
    }
    assert!(refused("= 1", &[], &[]).contains("f.toml"));
}

#[test]
fn a_store_that_cannot_be_is_refused_with_what_to_do() {
    let text = refused("", &[("ASSAY__STORE__ENDPOINT", "minio:9000")], &[]);
    assert!(text.contains("write http://minio:9000"), "{text}");
    let text = refused("", &[("ASSAY__STORE__ENDPOINT", "http://minio:9000")], &[]);
    assert!(text.contains("store.secret_key_file"), "{text}");
    let account = [
        ("store.endpoint", "http://minio:9000"),
        ("store.access_key", "assay"),
        ("store.secret_key_file", "/run/secrets/store"),
    ];
    let config = load("", &[], &account).unwrap();
    assert!(config.store.is_remote() && config.store.path_style);
    assert_eq!(config.store.keep_unnamed, Duration::from_secs(24 * 3600));
    for (name, value) in [
        ("store.part_bytes", "1000"),
        ("store.bucket_jobs", "Jobs"),
        ("store.region", ""),
        ("store.public_endpoint", "files.example"),
    ] {
        let mut settings = account.to_vec();
        settings.push((name, value));
        let text = refused("", &[], &settings);
        assert!(text.contains(name), "{text}");
    }
}

#[test]
fn reaching_it_from_other_machines_takes_two_settings() {
    let allow = ("allow_remote_without_authentication", "true");
    let text = refused("", &[], &[("listen", "0.0.0.0:8000")]);
    assert!(text.contains(allow.0), "{text}");
    let config = load(
        "",
        &[("ASSAY__STATUS__LISTEN", "0.0.0.0:8001")],
        &[("listen", "0.0.0.0:8000"), allow],
    )
    .unwrap();
    assert!(!config.listen.ip().is_loopback());
    assert_eq!(config.status.listen.unwrap().port(), 8001);
    assert_eq!(Config::in_dir("/x").unwrap().status.listen, None);
}

#[test]
fn aibomgens_variables_stand_between_the_file_and_ours() {
    let seed = [(
        "MINIO_ENDPOINT",
        "store.endpoint",
        "http://minio:9000".to_owned(),
    )];
    let load = |variables: &[(&str, &str)]| {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let file =
            "[store]\nendpoint = \"http://file:1\"\naccess_key = \"a\"\nsecret_key_file = \"/b\"\n";
        let file = Some(("f.toml".to_owned(), file.to_owned()));
        Config::layered(file, &seed, variables, &[])
            .unwrap()
            .store
            .endpoint
    };
    assert_eq!(load(&[]), "http://minio:9000");
    assert_eq!(
        load(&[("ASSAY__STORE__ENDPOINT", "http://own:2")]),
        "http://own:2"
    );
}
