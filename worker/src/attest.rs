//! The proof of a good run: the signed `run_training` link, the signed AIBoM that names it by digest, and the AIBoM's detached signature.

mod aibom;
mod link;

use assay_attest::{Digest, RUN_TRAINING, aibom::sign, intoto::link_file_name};
use assay_platform::{
    Platform,
    job::{Artifact, Claim, Role},
};

use crate::{environment::Measured, outcome::Trained, run_loop::Worker, stage::Staged, stop::Stop};

/// The AIBoM's file name.
const AIBOM: &str = "aibom.json";
/// The file name of its detached signature: DER, over the AIBoM's bytes.
const AIBOM_SIGNATURE: &str = "aibom.sig";

/// What the record of a run says beside its artifacts; measured before the run, so that the proof does not wait for it.
#[derive(Debug)]
pub(crate) struct Circumstances {
    machine: Vec<(&'static str, Measured)>,
    /// SHA-256 of the program that is about to train, in hexadecimal.
    program: Measured,
}

impl Circumstances {
    pub(crate) async fn measure(worker: &Worker) -> Result<Self, Stop> {
        let (program, machine) = (worker.program.clone(), worker.machine.clone());
        let folder = worker.platform.config.dir.clone();
        let measure = move || Self {
            machine: machine.now(&folder),
            program: match program.digest() {
                Ok(digest) => Measured::Text(digest.to_string()),
                Err(error) => Measured::Unknown(error.to_string()),
            },
        };
        tokio::task::spawn_blocking(measure)
            .await
            .map_err(|error| Stop::Infrastructure(error.to_string()))
    }
}

/// Everything that a proof is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) claim: &'a Claim,
    /// The worker's name.
    pub(crate) worker: &'a str,
    pub(crate) circumstances: &'a Circumstances,
    pub(crate) staged: &'a Staged,
    pub(crate) trained: &'a Trained,
    pub(crate) outputs: &'a [Artifact],
}

/// Signs and stores the proof; gives its three artifacts.
pub(crate) async fn attest(
    platform: &Platform,
    evidence: Evidence<'_>,
) -> Result<Vec<Artifact>, Stop> {
    let keys = &platform.keys;
    let unsigned = |error: String| Stop::ours("platform.attest", error);
    let link = link::training_link(evidence, keys.worker())
        .map_err(|error| unsigned(format!("the link cannot be signed: {error}")))?;
    let link_name = link_file_name(RUN_TRAINING, &keys.worker().keyid());
    let facts = aibom::facts(evidence, &link_name, Digest::of(&link));
    let bom = sign(&facts, keys.platform())
        .map_err(|error| unsigned(format!("the AIBoM cannot be signed: {error}")))?;
    let signature = keys.platform().sign_der(&bom);
    let put = |name: &str, role: Role, bytes: Vec<u8>| {
        let path = format!("{}/{name}", evidence.claim.job.unique_dir);
        async move {
            let stored = platform.store.put_bytes(&bytes).await?;
            Ok::<_, Stop>(Artifact {
                path,
                role,
                digest: stored.digest,
                bytes: stored.bytes,
            })
        }
    };
    let (link, bom, signature) = tokio::try_join!(
        put(&link_name, Role::TrainingLink, link),
        put(AIBOM, Role::Aibom, bom),
        put(AIBOM_SIGNATURE, Role::AibomSignature, signature),
    )?;
    Ok(vec![link, bom, signature])
}
