use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{
    Report, artifacts::check_paths, job::check_job, keys, model::check_model_signature, statements,
    ties, transcript, witness as witnesses,
};
use crate::{
    Digest, INGEST, KeyId, PublicKey, RUN_TRAINING, SCAN_IMAGE, Trust,
    aibom::{self, VerifiedBom},
    intoto::{
        Agreement, ChainError, Layout, Link, Sides, Signed, Witness, check_rules, check_signer,
        check_thresholds, link_file_name,
    },
};

/// A link's file.
#[derive(Debug, Clone, Copy)]
pub struct LinkFile<'a> {
    /// Its name, without a folder.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// The files of a job's proof, as many as there are.
#[derive(Debug, Clone, Default)]
pub struct ProofFiles<'a> {
    /// `layout.json`.
    pub layout: Option<&'a [u8]>,
    /// `<step>.<keyid8>.link`.
    pub links: Vec<LinkFile<'a>>,
    /// `aibom.json`.
    pub aibom: Option<&'a [u8]>,
    /// `aibom.sig`.
    pub aibom_signature: Option<&'a [u8]>,
    /// `model.sig`.
    pub model_signature: Option<&'a [u8]>,
    /// The artifact `parameters.json`, to be compared with the AIBoM.
    pub parameters: Option<&'a [u8]>,
    /// `bundle.jsonl`.
    pub statements: Option<&'a [u8]>,
}

/// A link that a functionary of its step signed.
#[derive(Debug)]
pub(super) struct SignedLink {
    /// The name of its file.
    pub(super) file: String,
    /// SHA-256 of its file.
    pub(super) digest: Digest,
    /// Who signed.
    pub(super) keyid: KeyId,
    /// What it says.
    pub(super) link: Link,
}

/// What was verified.
#[derive(Debug, Clone, Default)]
pub struct VerifiedProof {
    /// Every check.
    pub report: Report,
    /// The `ingest` link, if its signature holds.
    pub ingest: Option<Link>,
    /// The `run_training` link, if its signature holds.
    pub training: Option<Link>,
    /// The `scan_image` link, if its signature holds; jobs of the plain layout have none.
    pub scan: Option<Link>,
    /// The AIBoM, if its signature holds.
    pub bom: Option<VerifiedBom>,
}

/// Verifies the files of a proof: layout, links, rules, AIBoM and the ties between them.
///
/// Checks, by name: `layout-signature`, `layout-expiry`, `link-signature` (each link), `link-threshold`,
/// `link-command` (each link), `artifact-rules`, `artifact-paths`, `transcript`, `aibom-signature`,
/// `aibom-detached-signature`, `aibom-links`, `aibom-artifacts`, `aibom-parameters`, `model-signature`, `job-identity`,
/// `statement-signature` (each line of `bundle.jsonl`), `provenance`, `aibom-statement`, `model-statement`,
/// `statement-kinds` (only where it fails), `key-validity` (each signer whose signature holds), and `aibom-scan` where
/// the layout has a step `scan_image`. `witness` for each link of those who trained again, where the layout has no such
/// step.
///
/// Model signature and statements are asked for where there is an AIBoM: without one, as when links are looked at alone,
/// nothing is complete anyway. Artifacts are not looked at: see [`super::verify_bundle`].
pub fn verify_proof(files: &ProofFiles<'_>, trust: &Trust, now: OffsetDateTime) -> VerifiedProof {
    let mut report = Report::default();
    let (layout, owner) = verify_layout(files, trust, now, &mut report).unzip();
    let (beside, files) = &apart(files, layout.as_ref());
    let links = verify_links(&files.links, layout.as_ref(), &mut report);
    verify_chain(layout.as_ref(), &links, &mut report);
    let find = |step: &str| links.iter().find(|one| one.link.name == step);
    let link = |step: &str| find(step).map(|one| one.link.clone());
    let (ingest, training, scan) = (link(INGEST), link(RUN_TRAINING), link(SCAN_IMAGE));
    check_paths(ingest.as_ref(), training.as_ref(), &mut report);
    transcript::check(training.as_ref(), &mut report);
    witnesses::check(beside, layout.as_ref(), &links, trust, &mut report);
    let platform = files
        .aibom
        .map_or(&trust.platform, |bytes| trust.platform_of(bytes));
    let bom = verify_bom(files, platform, &mut report);
    ties::check_links(bom.as_ref(), files, &mut report);
    ties::check_artifacts(bom.as_ref(), training.as_ref(), &mut report);
    ties::check_parameters(
        bom.as_ref(),
        training.as_ref(),
        files.parameters,
        &mut report,
    );
    check_model_signature(
        bom.as_ref(),
        training.as_ref(),
        files,
        platform,
        &mut report,
    );
    check_job(&links, bom.as_ref(), &mut report);
    statements::check(files, find(RUN_TRAINING), platform, &mut report);
    if layout.is_some_and(|layout| layout.step(SCAN_IMAGE).is_some()) {
        ties::check_scan(bom.as_ref(), training.as_ref(), scan.as_ref(), &mut report);
    }
    keys::check(owner, &links, bom.as_ref(), (platform, trust), &mut report);
    VerifiedProof {
        report,
        ingest,
        training,
        scan,
        bom,
    }
}

/// The links of those who trained again, and the proof without them: nothing else knows of them.
fn apart<'a>(
    files: &ProofFiles<'a>,
    layout: Option<&Layout>,
) -> (Vec<LinkFile<'a>>, ProofFiles<'a>) {
    let is_witness =
        |file: &LinkFile<'_>| layout.is_some_and(|layout| witnesses::is_one(file, layout));
    let (beside, links) = files.links.iter().copied().partition(is_witness);
    let proof = ProofFiles {
        links,
        ..files.clone()
    };
    (beside, proof)
}

fn verify_layout(
    files: &ProofFiles<'_>,
    trust: &Trust,
    now: OffsetDateTime,
    report: &mut Report,
) -> Option<(Layout, KeyId)> {
    let signed = files.layout.map(Signed::<Layout>::parse);
    // The layout names its signer, which must be one of the pinned keys.
    let named = signed.as_ref().and_then(|signed| signed.as_ref().ok());
    let owner = named.map_or(&trust.owner, |signed| trust.owner_of(signed.keyid()));
    let compared = format!(
        "layout.json with the pinned owner key {}",
        owner.keyid().short()
    );
    let expiry = "the layout's expiry with the time";
    let Some(signed) = signed else {
        report.absent("layout-signature", compared, "there is no layout");
        report.skipped("layout-expiry", expiry, "there is no layout");
        return None;
    };
    let result = signed.and_then(|signed| signed.verify(owner).cloned());
    let layout = match result {
        Ok(layout) => layout,
        Err(error) => {
            report.made("layout-signature", compared, Err(error));
            report.skipped("layout-expiry", expiry, "the layout is not verified");
            return None;
        }
    };
    report.made("layout-signature", compared, Ok::<(), &str>(()));
    let expired = if now < layout.expires {
        Ok(())
    } else {
        Err(format!("it expired at {}", layout.expires))
    };
    report.made("layout-expiry", expiry, expired);
    Some((layout, owner.keyid()))
}

/// The links that are signed by the functionaries of their steps, each with its signer.
fn verify_links(
    files: &[LinkFile<'_>],
    layout: Option<&Layout>,
    report: &mut Report,
) -> Vec<SignedLink> {
    let mut verified = Vec::new();
    if files.is_empty() {
        report.absent(
            "link-signature",
            "links with the functionaries of the layout",
            "there is no link",
        );
    }
    for file in files {
        let compared = format!("{} with the functionaries of the layout", file.name);
        let Some(layout) = layout else {
            report.skipped("link-signature", compared, "the layout is not verified");
            continue;
        };
        match verify_link(file, layout) {
            Ok(link) => {
                report.made("link-signature", compared, Ok::<(), &str>(()));
                verified.push(link);
            }
            Err(error) => {
                report.made("link-signature", compared, Err(error));
            }
        }
    }
    verified
}

fn verify_link(file: &LinkFile<'_>, layout: &Layout) -> Result<SignedLink, String> {
    let signed = Signed::<Link>::parse(file.bytes).map_err(|error| error.to_string())?;
    let link = check_signer(layout, &signed).map_err(|error| error.to_string())?;
    let expected = link_file_name(&link.name, &signed.keyid());
    if file.name != expected {
        return Err(format!(
            "the file's name is {:?}; its content belongs into {expected}",
            file.name
        ));
    }
    Ok(SignedLink {
        file: expected,
        digest: file.digest(),
        keyid: signed.keyid(),
        link: link.clone(),
    })
}

fn verify_chain(layout: Option<&Layout>, links: &[SignedLink], report: &mut Report) {
    let (threshold, rules) = (
        "links with the steps of the layout",
        "materials and products with the rules of the layout",
    );
    let Some(layout) = layout else {
        report.skipped("link-threshold", threshold, "the layout is not verified");
        report.skipped("artifact-rules", rules, "the layout is not verified");
        return;
    };
    let witnesses: Vec<_> = links
        .iter()
        .map(|one| Witness {
            step: &one.link.name,
            keyid: one.keyid,
            sides: (&one.link).into(),
        })
        .collect();
    let chain: BTreeMap<&str, Sides<'_, Digest>> =
        match check_thresholds(layout, &witnesses, Agreement::Always) {
            Ok(chain) => {
                report.made("link-threshold", threshold, Ok::<(), &str>(()));
                chain
            }
            Err(error) => {
                match &error {
                    ChainError::Threshold { found: 0, .. } => {
                        report.absent("link-threshold", threshold, error.to_string())
                    }
                    _ => {
                        report.made("link-threshold", threshold, Err(error));
                    }
                }
                report.skipped("artifact-rules", rules, "a step has no verified link");
                BTreeMap::new()
            }
        };
    for SignedLink { link, .. } in links {
        let expected = layout.step(&link.name).map(|step| &step.expected_command);
        let same = if expected == Some(&link.command) {
            Ok(())
        } else {
            Err(format!("{:?} ran", link.command))
        };
        report.made(
            "link-command",
            format!("the command of {} with the layout's", link.name),
            same,
        );
    }
    if !chain.is_empty() {
        report.made(
            "artifact-rules",
            rules,
            check_rules(&layout.step_items(), &chain),
        );
    }
}

fn verify_bom(
    files: &ProofFiles<'_>,
    platform: &PublicKey,
    report: &mut Report,
) -> Option<VerifiedBom> {
    let key = platform.keyid().short();
    let compared = format!("aibom.json with the pinned platform key {key}");
    let detached = format!("aibom.sig with aibom.json and the pinned platform key {key}");
    let Some(bytes) = files.aibom else {
        report.absent("aibom-signature", compared, "there is no AIBoM");
        report.absent("aibom-detached-signature", detached, "there is no AIBoM");
        return None;
    };
    let result = aibom::verify(bytes, platform);
    match files.aibom_signature {
        None => report.absent(
            "aibom-detached-signature",
            detached,
            "there is no aibom.sig",
        ),
        Some(signature) => {
            report.made(
                "aibom-detached-signature",
                detached,
                platform.verify_der(bytes, signature),
            );
        }
    }
    match result {
        Ok(bom) => {
            report.made("aibom-signature", compared, Ok::<(), &str>(()));
            Some(bom)
        }
        Err(error) => {
            report.made("aibom-signature", compared, Err(error));
            None
        }
    }
}

impl LinkFile<'_> {
    /// SHA-256 of its bytes.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.bytes)
    }
}
