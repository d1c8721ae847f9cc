//! What the two other rule sets do not ask: whether digests can be digests, package URLs are any, and references lead
//! somewhere. The JSON schema asks for more; `./test` asks CycloneDX' own library.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::locator::is_purl,
    Element, RuleSet, Severity, State,
    inventory::{items, text},
};

/// Hexadecimal digits of a digest, by CycloneDX' name of the algorithm.
const LENGTHS: [(&str, usize); 14] = [
    ("MD5", 32),
    ("SHA-1", 40),
    ("SHA-256", 64),
    ("SHA-384", 96),
    ("SHA-512", 128),
    ("SHA3-256", 64),
    ("SHA3-384", 96),
    ("SHA3-512", 128),
    ("BLAKE2b-256", 64),
    ("BLAKE2b-384", 96),
    ("BLAKE2b-512", 128),
    ("BLAKE3", 64),
    ("Streebog-256", 64),
    ("Streebog-512", 128),
];
/// Findings that a line names at most.
const SHOWN: usize = 5;

/// What is wrong with a document, by kind.
#[derive(Default)]
struct Faults {
    hashes: Vec<String>,
    purls: Vec<String>,
    references: Vec<String>,
}

pub(super) fn look(document: &Value, all: &mut Vec<Element>) {
    let (mut faults, mut known) = (Faults::default(), BTreeSet::new());
    walk(document, &mut known, &mut faults);
    for reference in wanted(document) {
        if !known.contains(reference) {
            faults.references.push(format!("{reference:?} is nowhere"));
        }
    }
    let mut add = |rule, element, list: Vec<String>| {
        let state = if list.is_empty() {
            State::Present
        } else {
            let more = list.len().saturating_sub(SHOWN);
            let mut text = list.into_iter().take(SHOWN).collect::<Vec<_>>().join("; ");
            if more > 0 {
                text.push_str(&format!("; and {more} more"));
            }
            State::Missing(text)
        };
        all.push(Element {
            rules: RuleSet::Form,
            rule,
            severity: Severity::Error,
            element,
            state,
        });
    };
    add(
        "ASSAY-HASHES",
        "hashes are hexadecimal and of their algorithm's length",
        faults.hashes,
    );
    add("ASSAY-PURLS", "package URLs are package URLs", faults.purls);
    add(
        "ASSAY-REFERENCES",
        "references are unique and lead somewhere",
        faults.references,
    );
}

/// Looks at every object; the parser has limited their depth.
fn walk<'a>(value: &'a Value, known: &mut BTreeSet<&'a str>, faults: &mut Faults) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| walk(item, known, faults)),
        Value::Object(members) => {
            if let Some(reference) = text(value, "bom-ref")
                && !known.insert(reference)
            {
                faults
                    .references
                    .push(format!("{reference:?} is there twice"));
            }
            if let (Some(alg), Some(content)) = (text(value, "alg"), text(value, "content"))
                && !is_digest(alg, content)
            {
                faults.hashes.push(format!("{content:?} is no {alg}"));
            }
            if let Some(purl) = text(value, "purl").filter(|purl| !is_purl(purl)) {
                faults.purls.push(format!("{purl:?} is none"));
            }
            members
                .values()
                .for_each(|member| walk(member, known, faults));
        }
        _ => {}
    }
}

/// The references that must lead somewhere: dependencies, training data, claims.
fn wanted(document: &Value) -> Vec<&str> {
    let mut all = Vec::new();
    for dependency in items(document, "dependencies") {
        all.extend(text(dependency, "ref"));
        let to = items(dependency, "dependsOn").chain(items(dependency, "provides"));
        all.extend(to.filter_map(Value::as_str));
    }
    for component in items(document, "components") {
        let card = component.pointer("/modelCard/modelParameters");
        let named = card.into_iter().flat_map(|one| items(one, "datasets"));
        all.extend(named.filter_map(|one| text(one, "ref")));
    }
    let declarations = document.get("declarations").unwrap_or(&Value::Null);
    for claim in items(declarations, "claims") {
        all.extend(text(claim, "target"));
        let shown = items(claim, "evidence").chain(items(claim, "counterEvidence"));
        all.extend(shown.filter_map(Value::as_str));
    }
    for citation in items(document, "citations") {
        all.extend(
            ["attributedTo", "process"]
                .into_iter()
                .filter_map(|part| text(citation, part)),
        );
    }
    // BOM-Links lead to other documents.
    all.retain(|reference| !reference.starts_with("urn:cdx:"));
    all
}

fn is_digest(alg: &str, content: &str) -> bool {
    let hex = content.bytes().all(|byte| byte.is_ascii_hexdigit());
    let length = LENGTHS.iter().find(|(name, _)| *name == alg);
    hex && length.is_some_and(|(_, length)| *length == content.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_purls_are_told_from_what_is_none() {
        assert!(is_digest("SHA-256", &"0a".repeat(32)));
        for (alg, content) in [("SHA-256", "zz"), ("SHA-512", "00"), ("CRC", "00")] {
            assert!(!is_digest(alg, content), "{alg}");
        }
        assert!(is_purl("pkg:generic/a%20b@1?checksum=sha256:00"));
        for text in [
            "not a purl",
            "pkg:generic",
            "pkg:/a",
            "pkg:generic/@1",
            "pkg:a/b c",
        ] {
            assert!(!is_purl(text), "{text}");
        }
    }
}
