//! The keys that signed a proof against their windows and the owner's list of revoked keys.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Report;
use crate::{KeyId, Trust, aibom::VerifiedBom, intoto::Link};

/// A row `key-validity` for each signer whose signature holds, by what it signed.
///
/// What a window is held against is the time at which the signer says that it signed. A revocation ends everything: the
/// time is the signer's own word.
pub(super) fn check(signers: &[Signer], trust: &Trust, report: &mut Report) {
    for Signer { what, keyid, at } in signers {
        let compared = format!(
            "the key {} of {what} with its window and the list of revoked keys",
            keyid.short()
        );
        report.made("key-validity", compared, trust.check_key(*keyid, *at));
    }
}

/// Who signed what, and when.
pub(super) struct Signer {
    what: String,
    keyid: KeyId,
    at: Option<OffsetDateTime>,
}

impl Signer {
    /// Of the layout. It says itself until when it holds, so its key has to have been the owner's at some time, and not
    /// at a certain one.
    pub(super) fn of_layout(keyid: KeyId) -> Self {
        Self::new("the layout", keyid, None)
    }

    /// Of a link, at the time in its environment; else at the AIBoM's, which is signed last.
    pub(super) fn of_link(keyid: KeyId, link: &Link, bom: Option<&VerifiedBom>) -> Self {
        let job = link.environment.get("job");
        let named = [
            job.and_then(|job| job.get("finished-at")),
            job.and_then(|job| job.get("received-at")),
            link.environment.get("scanned-at"),
        ];
        let named = named.into_iter().flatten().find_map(time);
        Self::new(&link.name, keyid, named.or_else(|| bom.and_then(time_of)))
    }

    /// Of the AIBoM.
    pub(super) fn of_bom(keyid: KeyId, bom: &VerifiedBom) -> Self {
        Self::new("the AIBoM", keyid, time_of(bom))
    }

    fn new(what: &str, keyid: KeyId, at: Option<OffsetDateTime>) -> Self {
        Self {
            what: what.to_owned(),
            keyid,
            at,
        }
    }
}

fn time_of(bom: &VerifiedBom) -> Option<OffsetDateTime> {
    bom.document.pointer("/metadata/timestamp").and_then(time)
}

fn time(text: &Value) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text.as_str()?, &Rfc3339).ok()
}
