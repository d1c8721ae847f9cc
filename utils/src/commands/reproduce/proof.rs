use anyhow::Context;
use assay_attest::{
    ArtifactPath, Digest, KeptCheckpoints, RecordedTranscript, Role,
    intoto::{Artifacts, Link},
};
use assay_protocol::room;

/// What a verified link says of a training: what went in, how, and what came out.
#[derive(Debug)]
pub(super) struct Proof {
    /// The job's folder in the bundle.
    pub(super) unique_dir: String,
    /// Name in the room, path in the bundle and digest of each input.
    pub(super) inputs: Vec<(&'static str, String, Digest)>,
    /// The outputs.
    pub(super) products: Artifacts,
    /// The weights' digests epoch by epoch; older proofs have none.
    pub(super) transcript: Option<RecordedTranscript>,
    /// Checkpoints to begin at.
    pub(super) kept: Option<KeptCheckpoints>,
    /// The class within which a run repeats bit for bit.
    pub(super) arithmetic: String,
    /// SHA-256 of the program that trained, if it could be measured.
    pub(super) program: Option<String>,
}

impl Proof {
    pub(super) fn of(link: &Link) -> anyhow::Result<Self> {
        let mut inputs = Vec::new();
        let mut unique_dir = String::new();
        for (path, digest) in &link.materials {
            // An image is no file of the job.
            let Ok(parsed) = ArtifactPath::parse(path) else {
                continue;
            };
            let name = match parsed.role {
                Role::Model => room::MODEL,
                Role::Dataset => room::DATASET,
                Role::DatasetDefinition => room::DEFINITION,
                Role::Parameters => room::PARAMETERS,
                // Nothing is trained on an SBOM.
                Role::Sbom | Role::Output => continue,
            };
            parsed.unique_dir.clone_into(&mut unique_dir);
            inputs.push((name, path.clone(), *digest));
        }
        let trainer = link.environment.get("trainer");
        let said = |name: &str| Some(trainer?.get(name)?.as_str()?.to_owned());
        Ok(Self {
            unique_dir,
            inputs,
            products: link.products.clone(),
            transcript: RecordedTranscript::of(link)?,
            kept: KeptCheckpoints::of(link).map_err(anyhow::Error::msg)?,
            arithmetic: said("arithmetic")
                .context("the proof does not say in which class of arithmetic it was trained")?,
            program: said("program-sha256"),
        })
    }

    /// The path in the bundle and the digest of an output.
    pub(super) fn output(&self, name: &str) -> Option<(&str, Digest)> {
        let mut products = self.products.iter();
        let found = products.find(|(path, _)| path.ends_with(&format!("/outputs/{name}")));
        found.map(|(path, digest)| (path.as_str(), *digest))
    }
}
