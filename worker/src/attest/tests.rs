use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};

use assay_attest::{
    Functionary, INGEST, LAYOUT_VALIDITY, Trust, Window, ingest_command,
    intoto::{Link, sign as sign_metadata},
    json::jcs,
    platform_layout,
    verify::{LAYOUT_FILE, Report, verify_bundle},
};
use assay_platform::{
    ids::{JobId, UniqueDir},
    job::{Class, Job, Priority, Status, Times},
    sandbox::{Ended, Finished, Held, Isolation, Mechanism, Missing, Room, Usage},
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};
use serde_json::Value;
use time::OffsetDateTime;

use super::*;
use crate::{
    hear::tests::{done, hear, started},
    outcome::judge,
};

struct Keys {
    owner: SigningKey,
    api: SigningKey,
    worker: SigningKey,
    platform: SigningKey,
}

struct Scene {
    keys: Keys,
    claim: Claim,
    staged: Staged,
    trained: Trained,
    reading: Reading,
    resumed: Option<Offered>,
    outputs: Vec<Artifact>,
    circumstances: Circumstances,
    bundle: BTreeMap<String, Vec<u8>>,
    _folder: tempfile::TempDir,
}

fn artifact(role: Role, path: String, bytes: &[u8]) -> Artifact {
    Artifact {
        path,
        role,
        digest: Digest::of(bytes),
        bytes: bytes.len() as u64,
    }
}

fn request() -> JobRequest {
    JobRequest {
        framework: Framework::TensorFlow,
        metadata: Metadata {
            model_name: Some("wine".into()),
            intended_use: Some("to be tested".into()),
            ..Metadata::default()
        },
        parameters: Parameters {
            epochs: 3,
            ..Parameters::default()
        },
        aibom: AibomVersion::default(),
    }
}

fn claim(unique_dir: UniqueDir) -> Claim {
    let now = OffsetDateTime::now_utc();
    Claim {
        job: Job {
            id: JobId::new(),
            unique_dir,
            status: Status::Running,
            request: request(),
            class: Class::Cpu,
            priority: Priority::Normal,
            held: None,
            not_before: None,
            traceparent: None,
            reproduces: None,
            attempt: 2,
            lost: 1,
            worker: Some("worker-1".into()),
            cancel_requested: false,
            resumed_from: None,
            progress: None,
            failure: None,
            times: Times {
                submitted_at: now,
                started_at: Some(now),
                finished_at: None,
            },
            timings: None,
        },
        attempt: 2,
        artifacts: Vec::new(),
    }
}

fn trained() -> Trained {
    let finished = Finished {
        ended: Ended::Exited(0),
        isolation: Isolation {
            sandbox: "process".into(),
            container: None,
            held: vec![Held {
                mechanism: Mechanism::Seccomp,
                detail: "filter".into(),
            }],
            missing: vec![Missing {
                mechanism: Mechanism::NetworkNamespace,
                reason: "not permitted".into(),
            }],
        },
        usage: Usage {
            wall: Duration::from_millis(40),
            ..Usage::default()
        },
        stderr_tail: String::new(),
        garbage_lines: 0,
    };
    let now = OffsetDateTime::now_utc();
    judge(finished, hear([started(), done()]), (now, now)).unwrap()
}

/// Files by path, and what is known of them.
fn files(
    bundle: &mut BTreeMap<String, Vec<u8>>,
    unique_dir: UniqueDir,
    files: impl IntoIterator<Item = (Role, String, Vec<u8>)>,
) -> Vec<Artifact> {
    files
        .into_iter()
        .map(|(role, name, bytes)| {
            let path = format!("{unique_dir}/{name}");
            let one = artifact(role, path.clone(), &bytes);
            bundle.insert(path, bytes);
            one
        })
        .collect()
}

#[expect(clippy::too_many_lines, reason = "one value, field by field")]
fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let unique_dir = UniqueDir::new();
    let request_json = serde_json::to_value(request()).unwrap();
    let mut bundle = BTreeMap::new();
    let inputs = [
        (Role::Model, "model/m.keras", b"model".to_vec()),
        (Role::Dataset, "dataset/d.csv", b"data".to_vec()),
        (
            Role::DatasetDefinition,
            "dataset_definition/d.yaml",
            b"type: csv".to_vec(),
        ),
        (Role::Parameters, "parameters.json", jcs(&request_json)),
    ];
    let inputs = inputs.map(|(role, name, bytes)| (role, format!("inputs/{name}"), bytes));
    let materials = files(&mut bundle, unique_dir, inputs);
    let outputs = assay_attest::OUTPUT_NAMES.map(|name| {
        (
            Role::Output,
            format!("outputs/{name}"),
            name.as_bytes().to_vec(),
        )
    });
    let outputs = files(&mut bundle, unique_dir, outputs);

    let [owner, api, worker, platform] = [(); 4].map(|()| SigningKey::generate());
    let mut ingest = Link::new(INGEST, ingest_command());
    ingest.products = materials
        .iter()
        .map(|one| (one.path.clone(), one.digest))
        .collect();
    let claim = claim(unique_dir);
    let job = serde_json::json!({ "id": claim.job.id.to_string() });
    ingest.environment.insert("job".to_owned(), job);
    let ingest = sign_metadata(&ingest, &api).unwrap();
    let ingest_name = link_file_name(INGEST, &api.keyid());
    let ingest_path = format!("{unique_dir}/{ingest_name}");
    let ingest_artifact = artifact(Role::IngestLink, ingest_path, &ingest);
    bundle.insert(ingest_name, ingest);
    Scene {
        keys: Keys {
            owner,
            api,
            worker,
            platform,
        },
        claim,
        staged: Staged {
            room: Room::create(folder.path()).unwrap(),
            materials,
            request: request(),
            request_json,
            sbom: None,
            ingest: ingest_artifact,
        },
        trained: trained(),
        reading: Reading {
            cpu: Ok((250_000, 1)),
            gpu: Err("there is none".into()),
            load: Vec::new(),
            slots: 1,
        },
        resumed: None,
        outputs,
        circumstances: Circumstances {
            image: None,
            machine: crate::environment::Machine::measure("/no/such/library.so").now(folder.path()),
            program: Measured::Text(Digest::of(b"the trainer").to_string()),
        },
        bundle,
        _folder: folder,
    }
}

impl Scene {
    fn prove(&self) -> Proof {
        let evidence = Evidence {
            claim: &self.claim,
            worker: "worker-1",
            circumstances: &self.circumstances,
            staged: &self.staged,
            trained: &self.trained,
            reading: &self.reading,
            resumed: self.resumed.as_ref(),
            kept: None,
            outputs: &self.outputs,
            limits: &Limits::default(),
        };
        let (worker, platform) = (&self.keys.worker, &self.keys.platform);
        let training = link::training_link(evidence);
        let signed = sign_training(training, &manifest(evidence), worker, platform).unwrap();
        let facts = signed.facts(evidence);
        sign_documents(signed, &facts, &self.staged.request_json, platform).unwrap()
    }

    fn verify(&self, proof: Proof) -> Report {
        let functionary = |name: &str, key: &SigningKey, step: &str| Functionary {
            name: name.into(),
            key: key.public().clone(),
            steps: vec![step.into()],
            window: Window::default(),
        };
        let functionaries = vec![
            functionary("api", &self.keys.api, INGEST),
            functionary("worker", &self.keys.worker, RUN_TRAINING),
        ];
        let now = OffsetDateTime::now_utc();
        let layout = platform_layout(&functionaries, now + LAYOUT_VALIDITY);
        let layout = sign_metadata(&layout, &self.keys.owner).unwrap();
        let trust = Trust::new(
            self.keys.owner.public().clone(),
            self.keys.platform.public().clone(),
            functionaries,
            serde_json::from_slice(&layout).unwrap(),
            None,
        );
        let mut bundle = self.bundle.clone();
        bundle.extend([
            (LAYOUT_FILE.to_owned(), layout),
            (proof.link_name, proof.link),
            (AIBOM_FILE.to_owned(), proof.aibom),
            (AIBOM_SIGNATURE_FILE.to_owned(), proof.aibom_signature),
            (STATEMENTS_FILE.to_owned(), proof.statements),
            (MODEL_SIGNATURE_FILE.to_owned(), proof.model_signature),
        ]);
        let paths: BTreeSet<_> = bundle.keys().cloned().collect();
        verify_bundle(
            &paths,
            |path| Ok(io::Cursor::new(bundle[path].clone())),
            &trust,
            now,
        )
    }
}

#[test]
fn the_proof_of_a_run_verifies() {
    let scene = scene();
    let report = scene.verify(scene.prove());
    let bad: Vec<_> = report.not_passed().collect();
    assert!(report.is_verified(), "{bad:#?}");
}

#[test]
fn an_output_that_is_not_what_was_measured_is_refused() {
    let mut scene = scene();
    let proof = scene.prove();
    let path = scene.outputs[0].path.clone();
    scene.bundle.insert(path, b"another model".to_vec());
    assert!(scene.verify(proof).has_failed());
}

#[test]
fn the_link_says_where_and_how_it_ran() {
    let scene = scene();
    let link: Value = serde_json::from_slice(&scene.prove().link).unwrap();
    let environment = &link["signed"]["environment"];
    assert_eq!(environment["job"]["attempt"], 2);
    assert_eq!(environment["isolation"]["held"]["seccomp"], "filter");
    assert_eq!(
        environment["isolation"]["missing"]["network-namespace"],
        "not permitted"
    );
    assert_eq!(
        environment["trainer"]["program-sha256"],
        Digest::of(b"the trainer").to_string()
    );
    let unknown = &environment["usage"]["peak-memory-bytes"]["unknown"];
    assert!(unknown.is_string(), "{environment}");
    assert_eq!(link["signed"]["byproducts"]["return-value"], 0);
    let counters = &environment["counters"];
    assert_eq!(counters["energy-cpu-microjoules"], 250_000);
    assert_eq!(
        counters["energy-gpu-millijoules"]["unknown"],
        "there is none"
    );
}

#[test]
fn a_resumed_run_says_so_and_verifies() {
    let mut scene = scene();
    let plain: Value = serde_json::from_slice(&scene.prove().link).unwrap();
    assert!(plain["signed"]["byproducts"].get("resumed-from").is_none());
    scene.resumed = Some(Offered {
        epoch: 2,
        digest: Digest::of(b"a checkpoint"),
        attempt: 1,
        worker_keyid: "ab".repeat(32),
    });
    let proof = scene.prove();
    let link: Value = serde_json::from_slice(&proof.link).unwrap();
    let from = &link["signed"]["byproducts"]["resumed-from"];
    assert_eq!((&from["epoch"], &from["attempt"]), (&2.into(), &1.into()));
    let bom = String::from_utf8(proof.aibom.clone()).unwrap();
    assert!(bom.contains("assay:resumed-from"));
    assert!(scene.verify(proof).is_verified());
}
