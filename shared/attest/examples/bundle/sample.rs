//! A job with everything that a proof speaks of, made from constants.

#[path = "facts.rs"]
mod facts;

use std::{collections::BTreeMap, error::Error};

use assay_attest::{
    Digest, Functionary, IMAGE_PATH, INGEST, LAYOUT_VALIDITY, OUTPUT_NAMES, RUN_TRAINING, Role,
    SCAN_IMAGE, SCAN_REPORTS, SigningKey, TRANSCRIPT, Transcript, Trust, Window,
    aibom::{self, *},
    ingest_command,
    intoto::{self, Layout, Link, link_file_name},
    json::{Limits, jcs, parse},
    model_signing::Manifest,
    platform_layout, platform_layout_with_scan, scan_command,
    sigstore::Signer,
    statement::{Build, Statement, write_lines},
    training_command,
};
use serde_json::json;
use time::{OffsetDateTime, macros::datetime};

use facts::{facts, unsigned};

/// The job's folder.
pub(crate) const DIR: &str = "job-0001";

/// The job's id.
pub(crate) const JOB: &str = "0190a000-0000-7000-8000-000000000001";

/// A fixed time at which the sample's layout is valid.
pub(crate) fn now() -> OffsetDateTime {
    datetime!(2026-06-01 12:00 UTC)
}

/// One key for each role.
pub(crate) struct Keys {
    /// Signs the layout.
    pub(crate) owner: SigningKey,
    /// Signs `ingest`.
    pub(crate) api: SigningKey,
    /// Signs `run_training`.
    pub(crate) worker: SigningKey,
    /// Signs `scan_image`.
    pub(crate) scanner: SigningKey,
    /// Signs the AIBoM.
    pub(crate) platform: SigningKey,
}

impl Keys {
    /// New keys.
    pub(crate) fn generate() -> Self {
        let [owner, api, worker, scanner, platform] =
            std::array::from_fn(|_| SigningKey::generate());
        Self {
            owner,
            api,
            worker,
            scanner,
            platform,
        }
    }

    /// Who may do what.
    pub(crate) fn functionaries(&self) -> Vec<Functionary> {
        [
            ("api", &self.api, INGEST),
            ("worker-1", &self.worker, RUN_TRAINING),
            ("scanner-1", &self.scanner, SCAN_IMAGE),
        ]
        .map(|(name, key, step)| Functionary {
            name: name.into(),
            key: key.public().clone(),
            steps: vec![step.into()],
            window: Window::default(),
        })
        .into()
    }

    /// The layout that the owner signs.
    pub(crate) fn layout(&self) -> Layout {
        platform_layout(&self.functionaries(), now() + LAYOUT_VALIDITY)
    }

    /// The other one that the owner signs, for jobs in scanned images.
    pub(crate) fn layout_with_scan(&self) -> Layout {
        platform_layout_with_scan(&self.functionaries(), now() + LAYOUT_VALIDITY)
    }

    /// What verifiers pin.
    pub(crate) fn trust(&self) -> Result<Trust, Box<dyn Error>> {
        let signed = |layout: &Layout| -> Result<_, Box<dyn Error>> {
            Ok(parse(
                &intoto::sign(layout, &self.owner)?,
                &Limits::METADATA,
            )?)
        };
        let mut trust = Trust::new(
            self.owner.public().clone(),
            self.platform.public().clone(),
            self.functionaries(),
            signed(&self.layout())?,
            Some(signed(&self.layout_with_scan())?),
        );
        trust.sign(&self.owner)?;
        Ok(trust)
    }
}

/// A job's record, before it is signed.
pub(crate) struct Job {
    /// The layout in force.
    pub(crate) layout: Layout,
    /// What went in.
    pub(crate) ingest: Link,
    /// What was trained.
    pub(crate) training: Link,
    /// What was found in the image, where the layout asks for it.
    pub(crate) scan: Option<Link>,
    /// What the AIBoM says; its link digests are filled in by [`Job::sign`].
    pub(crate) facts: Facts,
    /// The artifacts, by path.
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
}

impl Job {
    /// A job that went well.
    pub(crate) fn sample(keys: &Keys) -> Self {
        let request = request();
        let inputs = [
            (Role::Model, "wine.keras", b"a model".to_vec()),
            (Role::Dataset, "Wein é.csv", b"1,2,3\n".to_vec()),
            (
                Role::DatasetDefinition,
                "wine.yaml",
                b"type: csv\n".to_vec(),
            ),
            (Role::Parameters, "", jcs(&request)),
        ];
        let outputs = OUTPUT_NAMES.map(|name| {
            (
                Role::Output,
                name,
                format!("content of {name}").into_bytes(),
            )
        });
        let mut ingest = Link::new(INGEST, ingest_command());
        let mut training = Link::new(RUN_TRAINING, training_command());
        for link in [&mut ingest, &mut training] {
            link.environment.insert("job".into(), json!({"id": JOB}));
        }
        let (mut artifacts, mut described) = (BTreeMap::new(), Vec::new());
        for (role, name, bytes) in inputs.into_iter().chain(outputs) {
            let path = role.path(DIR, name).unwrap_or_default();
            let sha256 = Digest::of(&bytes);
            if role == Role::Output {
                training.products.insert(path.clone(), sha256);
            } else {
                ingest.products.insert(path.clone(), sha256);
                training.materials.insert(path.clone(), sha256);
            }
            described.push(ArtifactFacts {
                role,
                path: path.clone(),
                sha256,
                bytes: bytes.len() as u64,
            });
            artifacts.insert(path, bytes);
        }
        record(&mut training);
        Self {
            layout: keys.layout(),
            ingest,
            training,
            scan: None,
            facts: facts(request, described),
            artifacts,
        }
    }

    /// The same job in an image that was scanned.
    pub(crate) fn scanned(keys: &Keys) -> Self {
        let mut job = Self::sample(keys);
        let id = Digest::of(b"{\"rootfs\":{}}");
        let mut scan = Link::new(SCAN_IMAGE, scan_command());
        scan.materials.insert(IMAGE_PATH.into(), id);
        scan.products
            .extend(SCAN_REPORTS.map(|path| (path.to_owned(), Digest::of(path.as_bytes()))));
        scan.byproducts.insert("return-value".into(), 10.into());
        scan.byproducts
            .insert("vulnerabilities".into(), json!(["CVE-2023-45853"]));
        job.training.materials.insert(IMAGE_PATH.into(), id);
        job.layout = keys.layout_with_scan();
        job.scan = Some(scan);
        job.facts.scan_link = Some(unsigned(SCAN_IMAGE));
        job.facts.image = Some(ImageFacts {
            name: "assay-trainer:0.1.0".into(),
            id,
            scan: ScanFacts::Scanned(Box::new(ScanResult {
                scanned_at: datetime!(2026-06-01 10:00 UTC),
                scanner: "Trivy 0.76.0".into(),
                database_updated_at: Some(datetime!(2026-06-01 06:00 UTC)),
                database_stale: false,
                counts: [("critical".to_owned(), 1)].into(),
                vulnerabilities: vec![VulnerabilityFacts {
                    id: "CVE-2023-45853".into(),
                    severity: "critical".into(),
                    package: "zlib1g".into(),
                    installed: "1:1.2.13.dfsg-1".into(),
                    fixed: Some("1:99.0-1".into()),
                    title: Some("zlib: a \"title\"".into()),
                }],
            })),
        });
        job
    }

    /// Signs everything; gives the files of the bundle.
    pub(crate) fn sign(mut self, keys: &Keys) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn Error>> {
        let mut files = self.artifacts;
        files.insert(
            "layout.json".into(),
            intoto::sign(&self.layout, &keys.owner)?,
        );
        let mut links = vec![
            (&self.ingest, &keys.api, &mut self.facts.ingest_link),
            (&self.training, &keys.worker, &mut self.facts.training_link),
        ];
        if let (Some(scan), Some(reference)) = (&self.scan, &mut self.facts.scan_link) {
            links.push((scan, &keys.scanner, reference));
        }
        for (link, key, reference) in links {
            let bytes = intoto::sign(link, key)?;
            *reference = LinkRef {
                file_name: link_file_name(&link.name, &key.keyid()),
                sha256: Digest::of(&bytes),
            };
            files.insert(reference.file_name.clone(), bytes);
        }
        let outputs = self.training.products.iter();
        let outputs = Manifest::of_outputs(outputs.map(|(path, digest)| (path.as_str(), *digest)));
        let signature = outputs.sign(&Signer::Key(&keys.platform))?;
        self.facts.model_signature = Some(Digest::of(&signature));
        files.insert("model.sig".into(), signature);
        let bom = aibom::sign(&self.facts, &keys.platform)?;
        files.insert("aibom.sig".into(), keys.platform.sign_der(&bom)?);
        let parameters = Role::Parameters.path(DIR, "")?;
        let build = Build {
            training: &self.training,
            link_name: &self.facts.training_link.file_name,
            link: self.facts.training_link.sha256,
            request: &parse(&files[&parameters], &Limits::METADATA)?,
            platform: keys.platform.keyid(),
        };
        let document = parse(&bom, &Limits::BOM)?;
        let statements = [
            build.statement(),
            Statement::of_bom(&self.training, document),
            Statement::of_model(&self.training)?,
        ];
        let lines = statements.map(|one| one.sign(&keys.platform));
        let lines = lines.into_iter().collect::<Result<Vec<_>, _>>()?;
        files.insert("bundle.jsonl".into(), write_lines(&lines));
        files.insert("aibom.json".into(), bom);
        Ok(files)
    }
}

/// What the worker notes of a run.
fn record(training: &mut Link) {
    training.byproducts.insert("return-value".into(), 0.into());
    let weights = Digest::of(b"content of model.safetensors");
    let transcript = Transcript::new(0, vec![Digest::of(b"a model"), weights]);
    let transcript = transcript.map(|whole| json!(whole.record()));
    training
        .byproducts
        .insert(TRANSCRIPT.into(), transcript.unwrap_or_default());
    for (part, said) in [
        (
            "isolation",
            json!({"landlock": "held", "kernel\tname": "a \"kernel\" \\ é"}),
        ),
        (
            "job",
            json!({
                "id": JOB, "attempt": 1,
                "started-at": "2026-06-01T11:00:00.25Z", "finished-at": "2026-06-01T11:00:05Z",
            }),
        ),
        (
            "trainer",
            json!({
                "name": "assay-trainer", "version": "0.1.0", "arithmetic": "cpu/x86-64/avx512f+fma/ftz",
                "threads": 2, "program-sha256": Digest::of(b"program"),
            }),
        ),
        (
            "limits",
            json!({"cpu_seconds": 86_400, "memory_bytes": 8_589_934_592_u64}),
        ),
    ] {
        training.environment.insert(part.into(), said);
    }
}

fn request() -> serde_json::Value {
    json!({
        "framework": "TensorFlow 2.16.1",
        "metadata": {
            "model_name": "Wine classifier", "model_version": "1.0 beta", "model_description": "Three cultivars",
            "author": "A. Vintner", "model_type": "tabular", "base_model": "none", "license_name": "apache-2.0",
            "base_model_source": "https://example.org/models/none", "intended_use": "Demonstration",
            "out_of_scope": "Other wines", "misuse_or_malicious": "Mislabelling bottles",
            "manufacturer": "Vintners & Sons", "supplier": "Wine Models Ltd", "intended_users": "Oenologists\nStudents",
            "technical_limitations": "178 samples only\n\n One decade ", "model_card_url": "https://example.org/card?wine#1",
            "dataset_name": "Wine", "dataset_version": "1992", "dataset_description": "Chemical analyses",
            "dataset_license": "mit OR CC-BY-4.0", "dataset_source": "https://example.org/wine",
            "dataset_sensitivity": "none", "dataset_owner": "S. Aeberhard\nM. Forina", "dataset_steward": "An archive",
            "dataset_collection": "Measured in a laboratory",
        },
        "parameters": {
            "epochs": 5, "validation_split": 0.2, "initial_epoch": 0, "batch_size": 32, "steps_per_epoch": null,
            "validation_steps": null, "validation_freq": 1, "seed": 9_007_199_254_740_991_u64,
        },
    })
}
