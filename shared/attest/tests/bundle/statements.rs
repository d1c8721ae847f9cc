//! What `bundle.jsonl` says.

use super::*;

/// The failed checks when `bundle.jsonl` has these statements of a good job.
fn with_statements(make: impl Fn(&[Statement], &SigningKey) -> Vec<Vec<u8>>) -> Vec<String> {
    let (keys, mut files) = good();
    let read = |line| Statement::verify(line, keys.platform.public()).unwrap();
    let lines = read_lines(&files["bundle.jsonl"]).unwrap();
    let statements: Vec<Statement> = lines.into_iter().map(read).collect();
    let lines = make(&statements, &keys.platform);
    files.insert("bundle.jsonl".into(), write_lines(&lines));
    failed(&verify(&files, &keys.trust().unwrap()))
}

#[test]
fn statements_say_what_links_request_and_aibom_say() {
    let sign = |one: &Statement, key: &SigningKey| one.sign(key).unwrap();
    let edited = |which: usize, edit: &dyn Fn(&mut Statement)| {
        with_statements(|statements, key| {
            let mut statements = statements.to_vec();
            edit(&mut statements[which]);
            statements.iter().map(|one| sign(one, key)).collect()
        })
    };
    assert!(edited(0, &|_| ()).is_empty());
    for part in [
        "/buildDefinition/externalParameters/parameters/epochs",
        "/buildDefinition/internalParameters/seed",
        "/buildDefinition/resolvedDependencies/0/digest/sha256",
        "/runDetails/builder/id",
        "/runDetails/byproducts/0/digest/sha256",
        "/runDetails/byproducts/0/name",
        "/buildDefinition/buildType",
    ] {
        let edit = |one: &mut Statement| *one.predicate.pointer_mut(part).unwrap() = "x".into();
        assert_eq!(edited(0, &edit), ["provenance"], "{part}");
    }
    let more = |one: &mut Statement| one.predicate["runDetails"]["more"] = 1.into();
    assert_eq!(edited(0, &more), ["provenance"]);
    let fewer = |one: &mut Statement| drop(one.subject.pop());
    assert_eq!(edited(0, &fewer), ["provenance"]);
    assert_eq!(edited(1, &fewer), ["aibom-statement"]);
    assert_eq!(edited(2, &fewer), ["model-statement"]);
    let swapped = |one: &mut Statement| one.predicate["resources"][0]["digest"] = "00".into();
    assert_eq!(edited(2, &swapped), ["model-statement"]);
    let other = |one: &mut Statement| one.predicate["version"] = 2.into();
    assert_eq!(edited(1, &other), ["aibom-statement"]);
    let unknown = |one: &mut Statement| one.predicate_type = "https://example.org/x".into();
    assert_eq!(edited(1, &unknown), ["statement-kinds"]);
    // Signed by somebody else; the lines swapped, which is no matter.
    let stranger = SigningKey::generate();
    let foreign = with_statements(|statements, key| {
        let [first, others @ ..] = statements else {
            return Vec::new();
        };
        let own = others.iter().map(|one| sign(one, key));
        [sign(first, &stranger)].into_iter().chain(own).collect()
    });
    assert_eq!(foreign, ["statement-signature"]);
    let swapped = with_statements(|statements, key| {
        let mut lines: Vec<_> = statements.iter().map(|one| sign(one, key)).collect();
        lines.reverse();
        lines
    });
    assert!(swapped.is_empty());
}
