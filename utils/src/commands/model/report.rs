//! Checks of one model, shown as those of a bundle are.

use std::{fmt::Display, path::Path, process::ExitCode};

use assay_attest::{
    sigstore::SignedBy,
    verify::{Check, Outcome, Report},
};
use serde_json::json;

use crate::output::Output;

/// A check that was made.
pub(super) fn row<E: Display>(
    name: &str,
    compared: impl Into<String>,
    result: Result<(), E>,
) -> Check {
    Check {
        name: name.to_owned(),
        outcome: if result.is_ok() {
            Outcome::Passed
        } else {
            Outcome::Failed
        },
        compared: compared.into(),
        detail: result.err().map(|error| error.to_string()),
    }
}

/// Who signed, as far as what is pinned binds it.
pub(super) fn signer(signed_by: &SignedBy) -> String {
    match signed_by {
        SignedBy::Key(hint) => format!("the given key ({})", hint.get(..12).unwrap_or_default()),
        SignedBy::Certificate(subject) => format!(
            "{}, for whom {} vouches under a trusted root",
            subject.identities.join(", "),
            subject
                .issuer
                .as_deref()
                .unwrap_or("an issuer without a name")
        ),
    }
}

/// Shows the table, then whether the model is verified.
pub(super) fn show(
    output: Output,
    path: &Path,
    checks: Vec<Check>,
    more: serde_json::Value,
) -> anyhow::Result<ExitCode> {
    let report = Report { checks, job: None };
    let verified = report.is_verified();
    let mut value = json!({"verified": verified, "checks": report.checks});
    if let (Some(all), serde_json::Value::Object(more)) = (value.as_object_mut(), more) {
        all.extend(more);
    }
    output.value(&value)?;
    output.report(&report);
    let word = if verified {
        "is verified"
    } else {
        "is REFUSED"
    };
    output.say(format!("{} {word}.", path.display()));
    Ok(if verified {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
