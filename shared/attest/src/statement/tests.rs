use proptest::prelude::*;
use serde_json::json;

use super::*;

fn statement() -> Statement {
    let artifacts = [("job/outputs/logs.txt".to_owned(), Digest::of(b"log"))].into();
    Statement::new(
        &artifacts,
        "https://example.org/t",
        json!({"a": 0.5, "é": null}),
    )
}

#[test]
fn what_is_signed_is_read_back_with_its_key_only() {
    let [key, other] = std::array::from_fn(|_| SigningKey::generate());
    let line = statement().sign(&key).unwrap();
    assert_eq!(Statement::verify(&line, key.public()), Ok(statement()));
    assert!(Statement::verify(&line, other.public()).is_err());
    for at in 0..line.len() {
        for bit in [0x01, 0x20] {
            let mut changed = line.clone();
            changed[at] ^= bit;
            assert!(
                Statement::verify(&changed, key.public()).is_err(),
                "byte {at}"
            );
        }
    }
}

#[test]
fn payloads_that_are_no_statement_are_refused_though_signed() {
    let key = SigningKey::generate();
    let value = serde_json::to_value(statement()).unwrap();
    let signed = |payload: Vec<u8>, kind: &str| {
        let mut envelope = Envelope::new(kind, payload);
        envelope.sign(&key).unwrap();
        Statement::verify(&envelope.to_bytes(), key.public())
    };
    assert!(signed(jcs(&value), IN_TOTO).is_ok());
    assert!(signed(jcs(&value), "application/json").is_err());
    assert!(signed(serde_json::to_vec_pretty(&value).unwrap(), IN_TOTO).is_err());
    for (pointer, wrong) in [
        ("/_type", json!("https://in-toto.io/Statement/v0.1")),
        ("/subject/0/digest", json!({"sha512": "00"})),
        ("/subject/0/name", json!(1)),
        ("/predicateType", json!(null)),
    ] {
        let mut changed = value.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert!(signed(jcs(&changed), IN_TOTO).is_err(), "{pointer}");
    }
    let mut more = value;
    more["other"] = json!(1);
    assert!(signed(jcs(&more), IN_TOTO).is_err());
}

#[test]
fn lines_have_one_form() {
    let lines = vec![b"a".to_vec(), b"b".to_vec()];
    let file = write_lines(&lines);
    assert_eq!(read_lines(&file).unwrap(), [b"a", b"b"]);
    for wrong in [&b""[..], b"\n", b"a", b"a\nb", b"a\n\nb\n", b"\na\n"] {
        assert!(read_lines(wrong).is_err(), "{wrong:?}");
    }
    assert!(read_lines(&b"a\n".repeat(17)).is_err());
}

#[test]
fn provenance_says_what_link_and_request_say() {
    let mut link = Link::new("run_training", vec![]);
    link.materials
        .insert("job/inputs/parameters.json".into(), Digest::of(b"p"));
    link.products
        .insert("job/outputs/metrics.json".into(), Digest::of(b"m"));
    link.environment = serde_json::from_value(json!({
        "job": {"id": "j", "attempt": 2, "started-at": "s", "finished-at": {"unknown": "why"}},
        "trainer": {"name": "t", "version": "1", "arithmetic": "cpu", "threads": 2,
            "program-sha256": {"unknown": "gone"}},
        "isolation": {"container": {"image": "i:1", "image-digest": format!("sha256:{}", Digest::of(b"i"))}},
        "limits": {"cpu-seconds": 9},
    }))
    .unwrap();
    let key = SigningKey::generate();
    let build = Build {
        training: &link,
        link_name: "run_training.0.link",
        link: Digest::of(b"l"),
        request: &json!({"parameters": {"seed": 7}}),
        platform: key.keyid(),
    };
    let said = build.statement();
    assert_eq!(said.subject.len(), 1);
    let define = &said.predicate["buildDefinition"];
    assert_eq!(
        define["internalParameters"],
        json!({"seed": 7, "arithmetic": "cpu", "threads": 2, "limits": {"cpu-seconds": 9}})
    );
    // What was not measured is absent, not filled in.
    let names: Vec<_> = define["resolvedDependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["job/inputs/parameters.json", "i:1"]);
    let run = &said.predicate["runDetails"];
    assert_eq!(
        run["metadata"],
        json!({"invocationId": "urn:uuid:j#attempt-2", "startedOn": "s"})
    );
    assert_eq!(run["byproducts"].as_array().unwrap().len(), 2);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let key = SigningKey::generate();
        prop_assert!(Statement::verify(&bytes, key.public()).is_err());
        if let Ok(lines) = read_lines(&bytes) {
            let lines: Vec<_> = lines.into_iter().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(write_lines(&lines), bytes);
        }
    }
}
