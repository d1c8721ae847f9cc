//! `assay model verify`.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use assay_attest::{
    model_signing::{
        self,
        folder::{linked_folders, measure, not_covered},
    },
    read_regular,
    safetensors::file::{Verified, open},
    sigstore::SignedBy,
    tensors::{TensorLeaf, TensorProof, digest},
    verify::Check,
};
use serde_json::{Value, json};

use super::{
    Verify, keys,
    report::{row, show, signer},
    sign::{options, within},
};
use crate::output::{Output, shown};

/// Bytes of the proof of a tensor at most.
const MAX_PROOF_BYTES: u64 = 4 << 20;

pub(super) fn run(output: Output, asked: &Verify) -> anyhow::Result<ExitCode> {
    match &asked.signature {
        Some(signature) => beside(output, asked, signature),
        None if asked.path.is_dir() => anyhow::bail!(
            "{} is a folder; name its signature (--signature model.sig)",
            asked.path.display()
        ),
        None => inside(output, asked),
    }
}

/// A signature file against a folder or a file.
fn beside(output: Output, asked: &Verify, signature: &Path) -> anyhow::Result<ExitCode> {
    let verifier = keys::verifier(asked.key.as_deref(), asked.root.as_deref())?;
    let bytes = read_regular(signature, model_signing::MAX_SIGNATURE_BYTES)
        .with_context(|| format!("cannot read {}", signature.display()))?;
    let compared = format!("{} with what is pinned", signature.display());
    let verified = match model_signing::verify(&bytes, &verifier) {
        Ok(verified) => verified,
        Err(error) => {
            return show(
                output,
                &asked.path,
                vec![row("signature", compared, Err(error))],
                json!({}),
            );
        }
    };
    let mut checks = vec![row("signature", compared, Ok::<(), &str>(()))];
    checks.extend(identity(asked, &verified.signed_by));
    let mut options = options(&asked.path, &asked.files)?;
    options.ignore_paths.extend(within(&asked.path, signature));
    let signed = &verified.manifest;
    let found = measure(&asked.path, signed, &options)?;
    let compared = format!(
        "{} files with those that were signed",
        found.resources.len()
    );
    let differences = signed.differences(&found);
    if differences.is_empty() {
        checks.push(row("files", compared.clone(), Ok::<(), &str>(())));
    }
    checks.extend(
        differences
            .iter()
            .map(|one| row("files", compared.clone(), Err(one))),
    );
    let mut left_out = not_covered(&asked.path, signed)?;
    left_out.retain(|path| Some(path) != within(&asked.path, signature).as_ref());
    left_out.extend(linked_folders(&asked.path, &options)?);
    output.say(format!("signed by {}", shown(&signer(&verified.signed_by))));
    if !left_out.is_empty() {
        output.say(format!(
            "not covered by the signature: {}",
            shown(&left_out.join(", "))
        ));
    }
    let more = json!({
        "signed_by": signer(&verified.signed_by), "digest": signed.digest(), "not_covered": left_out,
    });
    show(output, &asked.path, checks, more)
}

/// The signature in a safetensors file.
fn inside(output: Output, asked: &Verify) -> anyhow::Result<ExitCode> {
    let verifier = keys::verifier(asked.key.as_deref(), asked.root.as_deref())?;
    let (file, header) = open(&asked.path).with_context(|| asked.path.display().to_string())?;
    let compared = "the signature in the header with what is pinned, and with the metadata";
    let Verified {
        statement,
        signed_by,
    } = match header.verify(&verifier) {
        Ok(verified) => verified,
        Err(error) => {
            return show(
                output,
                &asked.path,
                vec![row("signature", compared, Err(error))],
                json!({}),
            );
        }
    };
    let mut checks = vec![row("signature", compared, Ok::<(), &str>(()))];
    checks.extend(identity(asked, &signed_by));
    let mut is = |compared: String, found: Option<String>| {
        checks.push(row("tensors", compared, same(found, &statement.tensors)));
    };
    match &asked.tensor {
        None => is(
            format!("{} tensors with what was signed", statement.count),
            Some(digest(&file, &header.weights)?.hex()),
        ),
        Some(path) => {
            let proof: TensorProof = serde_json::from_slice(&read_regular(path, MAX_PROOF_BYTES)?)
                .with_context(|| format!("{} is no proof of a tensor", path.display()))?;
            let name = &proof.tensor.name;
            let tensor = header.weights.tensors.get(name);
            let tensor = tensor.with_context(|| format!("the file has no tensor {name:?}"))?;
            // What is in the file, not what the proof says of it, must lead to the signed digest.
            let found = TensorLeaf::measure(&file, name, tensor)?;
            let compared = format!("the tensor {name:?} with what was signed");
            is(
                compared,
                TensorProof {
                    tensor: found,
                    ..proof.clone()
                }
                .digest(),
            );
        }
    }
    let claimed: Value = serde_json::to_value(&statement.claims)?;
    output.say(format!("signed by {}", shown(&signer(&signed_by))));
    if let (SignedBy::Key(_), Some(identity)) = (&signed_by, &statement.claims.identity) {
        let issuer = statement.claims.issuer.as_deref().unwrap_or("nobody");
        output.say(shown(&format!(
            "claimed, and not bound by any certificate: {identity}, vouched for by {issuer}"
        )));
    }
    let more = json!({"signed_by": signer(&signed_by), "claimed": claimed, "tensor_digest": statement.tensors});
    show(output, &asked.path, checks, more)
}

/// Whether a digest is the signed one.
fn same(found: Option<String>, signed: &str) -> Result<(), String> {
    match found {
        Some(found) if found == signed => Ok(()),
        Some(found) => Err(format!("the digest is {found}; {signed} was signed")),
        None => Err("the proof leads to no digest".to_owned()),
    }
}

/// The check of who signed, if it was asked for.
fn identity(asked: &Verify, signed_by: &SignedBy) -> Option<Check> {
    let (identity, issuer) = (asked.identity.as_deref(), asked.issuer.as_deref());
    let wanted = [identity, issuer].into_iter().flatten().collect::<Vec<_>>();
    (!wanted.is_empty()).then(|| {
        row(
            "identity",
            format!("who signed with {}", wanted.join(", ")),
            signed_by.require(identity, issuer),
        )
    })
}
