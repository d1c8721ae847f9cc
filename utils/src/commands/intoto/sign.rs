//! `assay intoto sign`: signatures on links and layouts, in either container.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use assay_attest::{
    SigningKey,
    intoto::{self, Metadata, MetadataError},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{cli::Form, commands::model::sign::write, output::Output};

pub(crate) fn run(
    output: Output,
    file: &Path,
    keys: &[PathBuf],
    form: Option<Form>,
    to: Option<PathBuf>,
) -> anyhow::Result<ExitCode> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut metadata =
        metadata(&bytes, form).with_context(|| format!("cannot sign {}", file.display()))?;
    let mut keyids = Vec::new();
    for path in keys {
        let pem = Zeroizing::new(
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?,
        );
        let key = SigningKey::from_pkcs8_pem(&pem).with_context(|| path.display().to_string())?;
        metadata
            .sign(&key)
            .with_context(|| path.display().to_string())?;
        keyids.push(key.keyid());
    }
    let to = to.unwrap_or_else(|| file.to_owned());
    write(&to, &metadata.to_bytes())?;
    output.value(&json!({ "file": to, "signed_with": keyids }))?;
    let keyids: Vec<_> = keyids.iter().map(ToString::to_string).collect();
    output.say(format!(
        "Wrote {}, signed with {}.",
        to.display(),
        keyids.join(", ")
    ));
    Ok(ExitCode::SUCCESS)
}

fn metadata(bytes: &[u8], form: Option<Form>) -> Result<Metadata, MetadataError> {
    let form = form.map(|form| match form {
        Form::Metablock => intoto::Form::Metablock,
        Form::Dsse => intoto::Form::Dsse,
    });
    match (Metadata::parse(bytes), form) {
        (Ok(signed), None) => Ok(signed),
        (Ok(signed), Some(form)) => signed.into_form(form),
        // Not signed yet, if it is anything.
        (Err(error), form) => {
            let form = form.unwrap_or(intoto::Form::Metablock);
            Metadata::unsigned(bytes, form).map_err(|_| error)
        }
    }
}
