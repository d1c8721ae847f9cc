//! The keys that signed a proof against their windows and the owner's list of revoked keys.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Report;
use crate::{KeyId, Trust, aibom::VerifiedBom};

/// A row `key-validity` for each signer whose signature holds, by what it signed.
///
/// The time is the AIBoM's: the platform signs it last, and it lies between the windows of all who signed before.
pub(super) fn check(
    signers: &[(String, KeyId)],
    bom: Option<&VerifiedBom>,
    trust: &Trust,
    report: &mut Report,
) {
    let at = bom.and_then(time_of);
    for (what, keyid) in signers {
        let compared = format!(
            "the key {} of {what} with its window and the list of revoked keys",
            keyid.short()
        );
        report.made("key-validity", compared, trust.check_key(*keyid, at));
    }
}

fn time_of(bom: &VerifiedBom) -> Option<OffsetDateTime> {
    let text = bom
        .document
        .pointer("/metadata/timestamp")
        .and_then(Value::as_str)?;
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
