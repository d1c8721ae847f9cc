//! Witnesses of a job's own layout: links of the step `witness` that lie beside a proof although its layout has no such
//! step. Whom the layout lets train may vouch for another one's training.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{LinkFile, Report, link_job, proof::SignedLink};
use crate::{
    RUN_TRAINING, Trust, VerificationKey, WITNESS,
    intoto::{Layout, Link, Signed, link_file_name},
    witness_link,
};

/// Whether a link's file is for [`check`]: it says that it is of the step `witness`, and the layout has none.
pub(super) fn is_one(file: &LinkFile<'_>, layout: &Layout) -> bool {
    layout.step(WITNESS).is_none()
        && file.name.starts_with(WITNESS)
        && Signed::<Link>::parse(file.bytes).is_ok_and(|link| link.unverified().name == WITNESS)
}

/// A row `witness` for each of them: it is signed by another key than the training, which the layout lets train, the owner
/// has not revoked it, and it names the inputs and the repeated outputs exactly as `run_training` does.
pub(super) fn check(
    files: &[LinkFile<'_>],
    layout: Option<&Layout>,
    verified: &[SignedLink],
    trust: &Trust,
    report: &mut Report,
) {
    let training = verified.iter().find(|one| one.link.name == RUN_TRAINING);
    for file in files {
        let compared = format!(
            "{} with run_training and the workers that the layout names",
            file.name
        );
        let (Some(layout), Some(training)) = (layout, training) else {
            report.skipped(
                "witness",
                compared,
                "there is no verified run_training link",
            );
            continue;
        };
        let result = holds(file, layout, training, trust);
        report.made("witness", compared, result);
    }
}

fn holds(
    file: &LinkFile<'_>,
    layout: &Layout,
    trained: &SignedLink,
    trust: &Trust,
) -> Result<(), String> {
    let signed = Signed::<Link>::parse(file.bytes).map_err(|error| error.to_string())?;
    let keyid = signed.keyid();
    let expected = link_file_name(WITNESS, &keyid);
    if file.name != expected {
        return Err(format!(
            "the file's name is {:?}; its content belongs into {expected}",
            file.name
        ));
    }
    if keyid == trained.keyid {
        return Err(format!(
            "the key {} trained; it is no witness of itself",
            keyid.short()
        ));
    }
    let may_train = layout.step(RUN_TRAINING);
    let named = may_train.is_some_and(|step| step.pubkeys.contains(&keyid));
    let Some(VerificationKey::P256(key)) = layout.keys.get(&keyid).filter(|_| named) else {
        return Err(format!(
            "the layout does not let the key {} train",
            keyid.short()
        ));
    };
    let link = signed.verify(key).map_err(|error| error.to_string())?;
    agrees(link, &trained.link)?;
    trust
        .check_key(keyid, time_of(link))
        .map_err(|refusal| refusal.to_string())
}

/// Whether it vouches for this very training, and for nothing beyond it.
fn agrees(link: &Link, training: &Link) -> Result<(), String> {
    let expected = witness_link(training);
    let differs = |what: &str| Err(format!("its {what} are not those of run_training"));
    if link.command != expected.command {
        return Err(format!("{:?} ran", link.command));
    }
    if link.materials != expected.materials {
        return differs("materials");
    }
    if link.products != expected.products || link.products.is_empty() {
        return differs("products");
    }
    if link_job(link) != link_job(training) {
        return Err("it is of another job".to_owned());
    }
    Ok(())
}

/// When the witness says that it had trained.
fn time_of(link: &Link) -> Option<OffsetDateTime> {
    let text = link.environment.get("job")?.get("finished-at")?.as_str()?;
    OffsetDateTime::parse(text, &Rfc3339).ok()
}
