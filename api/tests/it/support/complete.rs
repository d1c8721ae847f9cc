//! Ends a job as a worker does, with outputs that nobody trained and a proof that holds.

use assay_attest::{
    Digest, IMAGE_PATH, OUTPUT_NAMES, RUN_TRAINING, Role as Kind, SCAN_IMAGE, SCAN_REPORTS,
    TRANSCRIPT, Transcript, aibom,
    aibom::Facts,
    intoto::{Link, link_file_name, sign},
    model_signing::Manifest,
    scan_command,
    sigstore::Signer,
    statement::{Build, Statement, write_lines},
    trained_weights, training_command,
};
use assay_platform::{
    ids::JobId,
    job::{Artifact, Completion, Failure, Role, Timings},
};
use assay_protocol::Fault;
use serde_json::{Value, json};

use super::{Bench, LONG};

/// The bytes of which the image's digest is.
const IMAGE: &[u8] = b"the image's configuration";

impl Bench {
    /// Claims a job and completes it.
    pub(crate) async fn complete(&self, id: JobId) {
        self.complete_by(id, None).await;
    }

    /// The same, with a proof that records this class of arithmetic, if any.
    pub(crate) async fn complete_by(&self, id: JobId, arithmetic: Option<&str>) {
        let platform = &self.platform;
        let claim = platform
            .db
            .claim(id, "tester", LONG)
            .await
            .unwrap()
            .unwrap();
        let dir = claim.job.unique_dir;
        let mut outputs = self.outputs(id, &dir.to_string()).await;
        let inputs: Vec<&Artifact> = claim
            .artifacts
            .iter()
            .filter(|one| one.path.contains("/inputs/"))
            .collect();
        let scan = self.scan_link(&dir.to_string()).await;
        let (link, training) = self
            .training_link(id, &dir.to_string(), (&inputs, &outputs), arithmetic)
            .await;
        let key = platform.keys.platform().unwrap();
        let model = self.model_signature(&dir.to_string(), &training).await;
        let ingest = claim
            .artifacts
            .iter()
            .find(|one| one.role == Role::IngestLink)
            .unwrap();
        let request = serde_json::to_value(&claim.job.request).unwrap();
        let all: Vec<&Artifact> = inputs.into_iter().chain(&outputs).collect();
        let mut facts = facts(id, &dir.to_string(), request.clone(), &all, ingest, &link);
        facts.model_signature = Some(model.digest);
        let bom = aibom::sign(&facts, key).unwrap();
        let signature = key.sign_der(&bom).unwrap();
        let build = Build {
            training: &training,
            link_name: link.name(),
            link: link.digest,
            request: &request,
            platform: key.keyid(),
        };
        let statements = self.statements(&dir.to_string(), &build, &bom).await;
        let path = |name: &str| format!("{dir}/{name}");
        let bom = self.put(&path("aibom.json"), Role::Aibom, &bom).await;
        let to = path("aibom.sig");
        let signature = self.put(&to, Role::AibomSignature, &signature).await;
        outputs.extend([link, bom, signature, model, statements]);
        outputs.extend(scan);
        let completion = Completion {
            artifacts: outputs,
            timings: Timings::default(),
        };
        assert!(
            platform
                .db
                .complete(id, claim.attempt, &completion)
                .await
                .unwrap()
        );
    }

    async fn model_signature(&self, dir: &str, training: &Link) -> Artifact {
        let key = self.platform.keys.platform().unwrap();
        let products = training.products.iter();
        let model = Manifest::of_outputs(products.map(|(path, digest)| (path.as_str(), *digest)));
        let model = model.sign(&Signer::Key(key)).unwrap();
        self.put(&format!("{dir}/model.sig"), Role::ModelSignature, &model)
            .await
    }

    async fn statements(&self, dir: &str, build: &Build<'_>, bom: &[u8]) -> Artifact {
        let key = self.platform.keys.platform().unwrap();
        let statements = [
            build.statement(),
            Statement::of_bom(build.training, serde_json::from_slice(bom).unwrap()),
            Statement::of_model(build.training).unwrap(),
        ];
        let lines = write_lines(&statements.map(|one| one.sign(key).unwrap()));
        self.put(&format!("{dir}/bundle.jsonl"), Role::Statements, &lines)
            .await
    }

    async fn training_link(
        &self,
        id: JobId,
        dir: &str,
        (inputs, outputs): (&[&Artifact], &[Artifact]),
        arithmetic: Option<&str>,
    ) -> (Artifact, Link) {
        let mut link = Link::new(RUN_TRAINING, training_command());
        link.environment
            .insert("job".to_owned(), json!({ "id": id.to_string() }));
        let name = |one: &Artifact| (one.path.clone(), one.digest);
        link.materials = inputs.iter().map(|one| name(one)).collect();
        link.products = outputs.iter().map(name).collect();
        if self.platform.config.scan.required {
            link.materials
                .insert(IMAGE_PATH.to_owned(), Digest::of(IMAGE));
        }
        if let Some(arithmetic) = arithmetic {
            let trainer = json!({ "arithmetic": arithmetic });
            link.environment.insert("trainer".to_owned(), trainer);
        }
        let weights = trained_weights(&link).unwrap();
        let transcript = Transcript::new(0, vec![Digest::of(b"handed in"), weights]).unwrap();
        link.byproducts
            .insert(TRANSCRIPT.to_owned(), json!(transcript.record()));
        let key = self.platform.keys.worker().unwrap();
        let signed = sign(&link, key).unwrap();
        let file = link_file_name(RUN_TRAINING, &key.keyid());
        let file = self
            .put(&format!("{dir}/{file}"), Role::TrainingLink, &signed)
            .await;
        (file, link)
    }

    /// The link of the image's scan, where proofs need one: the same bytes for every job.
    async fn scan_link(&self, dir: &str) -> Option<Artifact> {
        if !self.platform.config.scan.required {
            return None;
        }
        let mut link = Link::new(SCAN_IMAGE, scan_command());
        link.materials
            .insert(IMAGE_PATH.to_owned(), Digest::of(IMAGE));
        link.products = SCAN_REPORTS
            .map(|path| (path.to_owned(), Digest::of(path.as_bytes())))
            .into();
        let key = self.platform.keys.scanner().unwrap();
        let file = link_file_name(SCAN_IMAGE, &key.keyid());
        let link = sign(&link, key).unwrap();
        Some(
            self.put(&format!("{dir}/{file}"), Role::ScanLink, &link)
                .await,
        )
    }

    async fn outputs(&self, id: JobId, dir: &str) -> Vec<Artifact> {
        let mut outputs = Vec::new();
        for name in OUTPUT_NAMES {
            let path = format!("{dir}/outputs/{name}");
            let bytes = format!("{name} of {id}");
            outputs.push(self.put(&path, Role::Output, bytes.as_bytes()).await);
        }
        outputs
    }

    /// Claims a job and fails it.
    pub(crate) async fn fail(&self, id: JobId) {
        let db = &self.platform.db;
        let claim = db.claim(id, "tester", LONG).await.unwrap().unwrap();
        let failure = Failure {
            fault: Fault::dataset("dataset.diverged", "the loss is not a number"),
            detail: None,
        };
        let timings = Timings::default();
        assert!(
            db.fail(id, claim.attempt, &failure, &[], &timings)
                .await
                .unwrap()
        );
    }

    async fn put(&self, path: &str, role: Role, bytes: &[u8]) -> Artifact {
        let stored = self.platform.store.put_bytes(bytes).await.unwrap();
        Artifact {
            path: path.to_owned(),
            role,
            digest: stored.digest,
            bytes: stored.bytes,
        }
    }
}

fn facts(
    id: JobId,
    dir: &str,
    request: Value,
    artifacts: &[&Artifact],
    ingest: &Artifact,
    training: &Artifact,
) -> Facts {
    let kind = |role| match role {
        Role::Model => Kind::Model,
        Role::Dataset => Kind::Dataset,
        Role::DatasetDefinition => Kind::DatasetDefinition,
        Role::Parameters => Kind::Parameters,
        _ => Kind::Output,
    };
    let artifacts: Vec<Value> = artifacts
        .iter()
        .map(|one| {
            json!({"role": kind(one.role), "path": one.path, "sha256": one.digest, "bytes": one.bytes})
        })
        .collect();
    let link = |one: &Artifact| json!({"file_name": one.name(), "sha256": one.digest});
    let when = "2026-01-02T03:04:05Z";
    let facts = json!({
        "job_id": id, "unique_dir": dir, "serial_number": id,
        "producer": {"name": "tester", "version": "1"},
        "times": {"queued": when, "started": when, "finished": when, "documented": when},
        "request": request, "artifacts": artifacts,
        "model": {
            "name": "small", "class": "Sequential", "keras_version": null, "input_shape": [2], "output_shape": [1],
            "layers": [], "trainable_parameters": 3, "non_trainable_parameters": 0, "optimizer": null,
            "loss": "mse", "metrics": [], "task": "regression"
        },
        "data": {
            "type": "csv", "rows": 1, "training_rows": 1, "validation_rows": 0, "input_shape": [2], "features": [],
            "label": null, "classes": [], "preprocessing": null
        },
        "metrics": {"loss": 0.5},
        "trainer": {
            "name": "tester", "version": "1", "candle": "0", "arithmetic": "none", "threads": 1,
            "sha256": {"unknown": {"reason": "nothing was run"}}
        },
        "environment": [], "isolation": [],
        "ingest_link": link(ingest), "training_link": link(training)
    });
    serde_json::from_value(facts).unwrap()
}
