use assay_attest::verify::{Check, LinkFile, ProofFiles};
use assay_platform::{
    ids::JobId,
    job::{Artifact, Role},
    store::StoreError,
};

use super::{answer::check, given::GivenLink};
use crate::{problem::Problem, service::Service};

/// Bytes of a stored proof file at most; the service and its workers write far smaller ones.
const PROOF_BYTES: u64 = 4 << 20;
/// Bytes of the stored Statements at most, which hold the AIBoM once more.
const STATEMENTS_BYTES: u64 = 48 << 20;

/// Jobs that are looked up for one link at most.
const MOST_JOBS: u32 = 100;

/// What the service keeps of a job's proof, to be verified like everything else.
#[derive(Debug, Default)]
pub(super) struct StoredProof {
    /// Every artifact of the job; none when there is no such job.
    pub(super) artifacts: Vec<Artifact>,
    /// The layout that was in force when the job was taken in; the one in force now when there is no such job.
    pub(super) layout: Vec<u8>,
    /// The links, by file name.
    pub(super) links: Vec<(String, Vec<u8>)>,
    pub(super) aibom_signature: Option<Vec<u8>>,
    pub(super) model_signature: Option<Vec<u8>>,
    pub(super) parameters: Option<Vec<u8>>,
    pub(super) statements: Option<Vec<u8>>,
    /// The jobs whose proof holds the link that was handed in, the newest first; looked up only where the link itself
    /// speaks of no job.
    pub(super) holders: Vec<JobId>,
    /// The job whose proof this is; `None` when there is no such job.
    pub(super) job: Option<JobId>,
    /// Files that are gone from the store or are not what they were, and how.
    damaged: Vec<String>,
}

/// A file by its name.
type Named = (String, Vec<u8>);

impl StoredProof {
    /// The proof of the job that a link is of. A `scan_image` link speaks of an image and of no job, and many jobs share
    /// it: the newest of those is taken.
    pub(super) async fn of_link(service: &Service, link: &GivenLink) -> Result<Self, Problem> {
        let db = &service.platform.db;
        if let Some(dir) = link.unique_dir() {
            let job = db.job_of_dir(dir).await?;
            return Self::of_job(service, job.map(|job| job.id)).await;
        }
        let holders = db.jobs_with(link.digest, Role::ScanLink, MOST_JOBS).await?;
        let mut proof = Self::of_job(service, holders.first().copied()).await?;
        if holders.is_empty()
            && let Some(layout) = service.platform.keys.layout_with_scan()
        {
            // The other layout has no step for it.
            proof.layout = layout.to_vec();
        }
        proof.holders = holders;
        Ok(proof)
    }

    /// The proof of a job.
    pub(super) async fn of_job(service: &Service, id: Option<JobId>) -> Result<Self, Problem> {
        let mut proof = Self {
            job: id,
            ..Self::default()
        };
        if let Some(id) = id {
            proof.artifacts = service.platform.db.artifacts(id).await?;
        }
        let (layout, ingest, training, scan, signature, model, parameters, statements) = tokio::try_join!(
            proof.read(service, Role::Layout),
            proof.read(service, Role::IngestLink),
            proof.read(service, Role::TrainingLink),
            proof.read(service, Role::ScanLink),
            proof.read(service, Role::AibomSignature),
            proof.read(service, Role::ModelSignature),
            proof.read(service, Role::Parameters),
            proof.read(service, Role::Statements),
        )?;
        let mut take = |read: Result<Option<Named>, String>| {
            read.unwrap_or_else(|damage| {
                proof.damaged.push(damage);
                None
            })
        };
        let bytes = |(_, bytes)| bytes;
        let in_force = || service.platform.keys.layout().to_vec();
        proof.layout = take(layout).map_or_else(in_force, bytes);
        proof.links = [ingest, training, scan]
            .into_iter()
            .filter_map(&mut take)
            .collect();
        proof.aibom_signature = take(signature).map(bytes);
        proof.model_signature = take(model).map(bytes);
        proof.parameters = take(parameters).map(bytes);
        proof.statements = take(statements).map(bytes);
        Ok(proof)
    }

    /// One file, if the job has it; the inner error says how it is damaged.
    async fn read(
        &self,
        service: &Service,
        role: Role,
    ) -> Result<Result<Option<Named>, String>, Problem> {
        let Some(artifact) = self.artifacts.iter().find(|one| one.role == role) else {
            return Ok(Ok(None));
        };
        let store = &service.platform.store;
        let limit = match role {
            Role::Statements => STATEMENTS_BYTES,
            _ => PROOF_BYTES,
        };
        match store.read(artifact.digest, limit).await {
            Ok(bytes) => Ok(Ok(Some((artifact.name().to_owned(), bytes)))),
            Err(error @ (StoreError::Corrupt { .. } | StoreError::Missing(_))) => {
                Ok(Err(format!("{}: {error}", artifact.name())))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Whether the store still has the proof as it was written.
    pub(super) fn is_whole(&self) -> Check {
        let result = match self.damaged.as_slice() {
            [] => Ok(()),
            damaged => Err(damaged.join("; ")),
        };
        let compared = "the stored files of the proof with their digests";
        check("stored-proof", compared, result)
    }

    /// The stored layout and links, with one link in the place of the stored one of its name.
    pub(super) fn files_with<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> ProofFiles<'a> {
        let mut files = self.files();
        files.links.retain(|link| link.name != name);
        files.links.push(LinkFile { name, bytes });
        files
    }

    /// The stored layout, links, signature and parameters.
    pub(super) fn files(&self) -> ProofFiles<'_> {
        let links = self.links.iter();
        ProofFiles {
            layout: Some(&self.layout),
            links: links
                .map(|(name, bytes)| LinkFile { name, bytes })
                .collect(),
            aibom: None,
            aibom_signature: self.aibom_signature.as_deref(),
            parameters: self.parameters.as_deref(),
            // Only with the AIBoM, which they are held against.
            model_signature: None,
            statements: None,
        }
    }
}
