use std::{fs, path::Path};

use anyhow::{Context, bail};
use assay_attest::{
    SigningKey, WITNESS, WITNESSED,
    intoto::{Link, link_file_name, sign},
    witness_link,
};
use serde_json::{Map, Value, json};

use super::verdict::{Outcome, Verdict};

/// The key of somebody who wants to vouch for what comes out. Read first, so that nobody trains in vain.
pub(super) fn key(path: &Path) -> anyhow::Result<SigningKey> {
    let pem =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    SigningKey::from_pkcs8_pem(&pem)
        .with_context(|| format!("{} is not a P-256 key in PKCS #8 PEM", path.display()))
}

/// Signs what came out and writes the link to the current folder; gives its name.
pub(super) fn write(
    key: &SigningKey,
    training: &Link,
    verdict: &Verdict,
) -> anyhow::Result<String> {
    let same = |name: &str| verdict.outputs.get(name) == Some(&true);
    if verdict.reproduced != Outcome::Identical || !WITNESSED.iter().all(|name| same(name)) {
        bail!(
            "a witness vouches for identical {}, of the whole training; nothing was signed",
            WITNESSED.join(", ")
        );
    }
    let mut link = witness_link(training);
    link.byproducts.insert("return-value".to_owned(), json!(0));
    link.environment = Map::from_iter([("trainer".to_owned(), trainer(verdict))]);
    let name = link_file_name(WITNESS, &key.keyid());
    fs::write(&name, sign(&link, key)?).with_context(|| format!("cannot write {name}"))?;
    Ok(name)
}

fn trainer(verdict: &Verdict) -> Value {
    json!({
        "arithmetic": verdict.arithmetic.here,
        "program-sha256": verdict.program_sha256.here,
    })
}
