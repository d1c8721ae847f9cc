//! The proof of a good run: the signed `run_training` link, the model signature over the outputs, the signed AIBoM that
//! names both by digest, the AIBoM's detached signature, and the signed Statements (provenance, AIBoM) for tools of others.

mod facts;
mod link;

use std::error::Error;

use assay_attest::{
    Digest, KeptCheckpoints, RUN_TRAINING, SignerError, SigningKey,
    aibom::{self, Facts},
    intoto::{self, Link, link_file_name},
    json::{Limits as JsonLimits, parse},
    model_signing::Manifest,
    sigstore::Signer,
    statement::{Build, Statement, StatementError, write_lines},
    verify::{AIBOM_FILE, AIBOM_SIGNATURE_FILE, MODEL_SIGNATURE_FILE, STATEMENTS_FILE},
};
use assay_platform::{
    Platform,
    job::{Artifact, Claim, Role},
    keys::Keys,
    sandbox::Limits,
};
use serde_json::Value;

use crate::{
    checkpoint::Offered,
    collect::Notes,
    environment::{Measured, Reading},
    image::Image,
    outcome::Trained,
    phase::{Phase, enter},
    run_loop::Worker,
    stage::Staged,
    stop::Stop,
};

/// What the record of a run says beside its artifacts; measured before the run, so that the proof does not wait for it.
#[derive(Debug)]
pub(crate) struct Circumstances {
    machine: Vec<(String, Measured)>,
    /// SHA-256 of the program that is about to train, in hexadecimal.
    pub(crate) program: Measured,
    /// The image that trains; `None` in a sandbox without images.
    pub(crate) image: Option<Image>,
}

impl Circumstances {
    /// `image` is the one that is to train.
    pub(crate) async fn measure(worker: &Worker, image: Option<Image>) -> Result<Self, Stop> {
        let (program, machine) = (worker.program.clone(), worker.machine.clone());
        let folder = worker.platform.config.dir.clone();
        let measure = move || Self {
            machine: machine.now(&folder),
            program: match program.digest() {
                Ok(digest) => Measured::Text(digest.to_string()),
                Err(error) => Measured::Unknown(error.to_string()),
            },
            image,
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
    /// What counters gave while it trained.
    pub(crate) reading: &'a Reading,
    /// The checkpoint from which it went on.
    pub(crate) resumed: Option<&'a Offered>,
    /// The checkpoints that go into the bundle.
    pub(crate) kept: Option<&'a KeptCheckpoints>,
    pub(crate) outputs: &'a [Artifact],
    /// What the run might use.
    pub(crate) limits: &'a Limits,
}

pub(crate) use link::witness_link;

/// The files of a proof.
#[derive(Debug)]
struct Proof {
    link_name: String,
    link: Vec<u8>,
    aibom: Vec<u8>,
    aibom_signature: Vec<u8>,
    model_signature: Vec<u8>,
    statements: Vec<u8>,
}

/// Signs the proof and stores its files.
pub(crate) async fn attest(
    platform: &Platform,
    evidence: Evidence<'_>,
    stored: &mut Vec<Artifact>,
) -> Result<(), Stop> {
    let id = evidence.claim.job.id;
    enter(Phase::Sign, id);
    let proof = prove(&platform.keys, evidence).await?;
    enter(Phase::Upload, id);
    let put = |name: &str, role: Role, bytes: Vec<u8>| {
        let path = format!("{}/{name}", evidence.claim.job.unique_dir);
        async move {
            let stored = platform.store.put_proof(&bytes).await?;
            Ok::<_, Stop>(Artifact {
                path,
                role,
                digest: stored.digest,
                bytes: stored.bytes,
            })
        }
    };
    let notes = Notes::new(stored);
    let (link, aibom, signature, model, statements) = (
        put(&proof.link_name, Role::TrainingLink, proof.link),
        put(AIBOM_FILE, Role::Aibom, proof.aibom),
        put(
            AIBOM_SIGNATURE_FILE,
            Role::AibomSignature,
            proof.aibom_signature,
        ),
        put(
            MODEL_SIGNATURE_FILE,
            Role::ModelSignature,
            proof.model_signature,
        ),
        put(STATEMENTS_FILE, Role::Statements, proof.statements),
    );
    // Each to its end, also when another does not get there.
    let (link, aibom, signature, model, statements) = tokio::join!(
        notes.when(link),
        notes.when(aibom),
        notes.when(signature),
        notes.when(model),
        notes.when(statements)
    );
    link.and(aibom).and(signature).and(model).and(statements)?;
    let image = evidence.circumstances.image.as_ref();
    if let Some((name, bytes)) = image.and_then(Image::link_file) {
        // Its object is there already; this holds it until the job names it, too.
        notes
            .when(put(&name, Role::ScanLink, bytes.to_vec()))
            .await?;
    }
    Ok(())
}

/// Writes and signs the proof; no disk, no database.
async fn prove(keys: &Keys, evidence: Evidence<'_>) -> Result<Proof, Stop> {
    let (worker, platform_key) = (keys.worker()?.clone(), keys.platform()?.clone());
    let training = link::training_link(evidence);
    let outputs = manifest(evidence);
    let sign = {
        let platform_key = platform_key.clone();
        move || sign_training(training, &outputs, &worker, &platform_key)
    };
    let signed = keys.signing(sign).await??;
    let facts = signed.facts(evidence);
    let request = evidence.staged.request_json.clone();
    let sign = move || sign_documents(signed, &facts, &request, &platform_key);
    keys.signing(sign).await?
}

/// What the rest of a proof names by digest.
#[derive(Debug)]
struct Signed {
    training: Link,
    link_name: String,
    link: Vec<u8>,
    model_signature: Vec<u8>,
}

impl Signed {
    fn facts(&self, evidence: Evidence<'_>) -> Facts {
        let (link, model) = (Digest::of(&self.link), Digest::of(&self.model_signature));
        facts::facts(evidence, &self.link_name, link, model)
    }
}

fn manifest(evidence: Evidence<'_>) -> Manifest {
    let outputs = evidence.outputs.iter();
    Manifest::of_outputs(outputs.map(|one| (one.path.as_str(), one.digest)))
}

/// Signs the link and the outputs.
fn sign_training(
    training: Link,
    outputs: &Manifest,
    worker: &SigningKey,
    platform: &SigningKey,
) -> Result<Signed, Stop> {
    let link = intoto::sign(&training, worker).map_err(|error| unsigned("the link", &error))?;
    let model_signature = outputs.sign(&Signer::Key(platform));
    Ok(Signed {
        training,
        link_name: link_file_name(RUN_TRAINING, &worker.keyid()),
        link,
        model_signature: model_signature.map_err(|error| unsigned("the model", &error))?,
    })
}

/// Writes and signs the AIBoM and the Statements.
fn sign_documents(
    signed: Signed,
    facts: &Facts,
    request: &Value,
    platform: &SigningKey,
) -> Result<Proof, Stop> {
    let aibom = aibom::sign(facts, platform).map_err(|error| unsigned("the AIBoM", &error))?;
    let aibom_signature = platform.sign_der(&aibom);
    let build = Build {
        training: &signed.training,
        link_name: &signed.link_name,
        link: Digest::of(&signed.link),
        request,
        platform: platform.keyid(),
    };
    let statements = statements(&build, &aibom, platform);
    Ok(Proof {
        statements: statements.map_err(|error| unsigned("a statement", &error))?,
        aibom_signature: aibom_signature.map_err(|error| unsigned("the AIBoM", &error))?,
        aibom,
        link_name: signed.link_name,
        link: signed.link,
        model_signature: signed.model_signature,
    })
}

/// A key that is away signs later; anything else that cannot be signed never can.
pub(crate) fn unsigned(what: &str, error: &(dyn Error + 'static)) -> Stop {
    let message = format!("{what} cannot be signed: {error}");
    match SignerError::of(error) {
        Some(_) => Stop::Unavailable(message),
        None => Stop::ours("platform.attest", message),
    }
}

/// Provenance, AIBoM and model signature, each as a signed Statement on a line.
fn statements(
    build: &Build<'_>,
    aibom: &[u8],
    platform: &SigningKey,
) -> Result<Vec<u8>, StatementError> {
    let bom = Statement::of_bom(build.training, parse(aibom, &JsonLimits::BOM)?);
    Ok(write_lines(&[
        build.statement().sign(platform)?,
        bom.sign(platform)?,
        Statement::of_model(build.training)?.sign(platform)?,
    ]))
}

#[cfg(test)]
mod tests;
