//! The model signature against the key, the AIBoM that names it, and the outputs of the training.

use super::{ProofFiles, Report, bundle::MODEL_SIGNATURE_FILE};
use crate::{Digest, PublicKey, aibom::VerifiedBom, intoto::Link, model_signing::Manifest};

/// Checks the model signature: the AIBoM names it, and it is over the outputs.
pub(super) fn check_model_signature(
    bom: Option<&VerifiedBom>,
    training: Option<&Link>,
    files: &ProofFiles<'_>,
    platform: &PublicKey,
    report: &mut Report,
) {
    let compared = format!(
        "{MODEL_SIGNATURE_FILE} with the pinned platform key {}, the AIBoM and the products of run_training",
        platform.keyid().short()
    );
    let name = "model-signature";
    let (Some(bom), Some(training)) = (bom, training) else {
        if files.aibom.or(files.model_signature).is_some() {
            report.skipped(
                name,
                compared,
                "there is no verified AIBoM or run_training link",
            );
        }
        return;
    };
    match (bom.model_signature, files.model_signature) {
        (_, None) => report.absent(
            name,
            compared,
            format!("there is no {MODEL_SIGNATURE_FILE}"),
        ),
        (None, Some(_)) => {
            report.made(name, compared, Err("the AIBoM does not name it"));
        }
        (Some(named), Some(bytes)) => {
            let outputs = training
                .products
                .iter()
                .map(|(path, digest)| (path.as_str(), *digest));
            let result = match Digest::of(bytes) {
                digest if digest == named => Manifest::of_outputs(outputs)
                    .verify_own(bytes, platform)
                    .map_err(|error| error.to_string()),
                digest => Err(format!("it has SHA-256 {digest}; the AIBoM names {named}")),
            };
            report.made(name, compared, result);
        }
    }
}
