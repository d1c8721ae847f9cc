//! The keys that signed a proof against their windows and the owner's list of revoked keys.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{Report, proof::SignedLink};
use crate::{KeyId, PublicKey, Trust, aibom::VerifiedBom, intoto::Link};

/// A row `key-validity` for each signer whose signature holds, by what it signed.
///
/// Each at the time that it signed: the AIBoM's for the platform, which signs it last; for a link its own, if it says
/// one, and never one after the AIBoM's. For the owner only the list counts, as a layout says itself until when it holds.
pub(super) fn check(
    owner: Option<KeyId>,
    links: &[SignedLink],
    bom: Option<&VerifiedBom>,
    (platform, trust): (&PublicKey, &Trust),
    report: &mut Report,
) {
    let last = bom.and_then(|bom| time_at(&bom.document, "/metadata/timestamp"));
    let mut look = |what: &str, keyid: KeyId, at: Option<OffsetDateTime>| {
        let compared = format!(
            "the key {} of {what} with its window and the list of revoked keys",
            keyid.short()
        );
        report.made("key-validity", compared, trust.check_key(keyid, at));
    };
    if let Some(owner) = owner {
        look("the layout", owner, None);
    }
    for one in links {
        let own = own_time(&one.link).filter(|own| last.is_none_or(|last| *own <= last));
        look(&one.link.name, one.keyid, own.or(last));
    }
    if bom.is_some() {
        look("the AIBoM", platform.keyid(), last);
    }
}

/// When a link was signed, as its signer says: the training's end, or when the job was taken in.
fn own_time(link: &Link) -> Option<OffsetDateTime> {
    let job = link.environment.get("job")?;
    time_at(job, "/finished-at").or_else(|| time_at(job, "/received-at"))
}

fn time_at(document: &Value, pointer: &str) -> Option<OffsetDateTime> {
    let text = document.pointer(pointer)?.as_str()?;
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
