use serde_json::{Map, Value, json};

use super::Statement;
use crate::{ArtifactPath, Digest, KeyId, Role, intoto::Link};

/// The predicate type of SLSA provenance v1.
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// Names how a training is to be read as a build: `docs/BUILD_TYPE.md`. Another meaning gets another name.
pub const BUILD_TYPE: &str = "urn:assay:build-type:training:1";
/// Outputs that tell of the run rather than being made to be used.
const BYPRODUCTS: [&str; 2] = ["logs.txt", "metrics.json"];

/// Names the platform that trained: by its key, which is what a verifier pins.
pub fn builder_id(platform: KeyId) -> String {
    format!("urn:assay:platform:{platform}")
}

/// What provenance is made of: nothing that links and request do not say.
///
/// So a verifier makes it anew from what it has verified, and compares.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    /// The `run_training` link.
    pub training: &'a Link,
    /// The name of its file.
    pub link_name: &'a str,
    /// SHA-256 of its file.
    pub link: Digest,
    /// The job's request: the value of the artifact `parameters.json`.
    pub request: &'a Value,
    /// The platform's key.
    pub platform: KeyId,
}

impl Build<'_> {
    /// SLSA provenance of all outputs.
    pub fn statement(&self) -> Statement {
        let predicate = json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": self.request,
                "internalParameters": self.internal(),
                "resolvedDependencies": self.dependencies(),
            },
            "runDetails": {
                "builder": {
                    "id": builder_id(self.platform),
                    "version": self.builder_version(),
                },
                "metadata": self.metadata(),
                "byproducts": self.byproducts(),
            },
        });
        Statement::new(&self.training.products, PROVENANCE, predicate)
    }

    /// A part of what the link says of its environment.
    fn said(&self, part: &str, member: &str) -> Option<&Value> {
        self.training.environment.get(part)?.get(member)
    }

    /// What decides on the result and was not asked for: the class of arithmetic, the threads, what a run may use. The
    /// seed stands here, too, since it is the platform's own where none was asked for.
    fn internal(&self) -> Value {
        let mut all = Map::new();
        let seed = self.request.pointer("/parameters/seed");
        all.extend(seed.map(|seed| ("seed".to_owned(), seed.clone())));
        for (name, value) in [
            ("arithmetic", self.said("trainer", "arithmetic")),
            ("threads", self.said("trainer", "threads")),
            ("limits", self.training.environment.get("limits")),
        ] {
            all.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        all.into()
    }

    /// Inputs, the program that trained, and the image that it trained in; each as far as its digest was measured.
    fn dependencies(&self) -> Value {
        let mut all: Vec<Value> = self
            .training
            .materials
            .iter()
            .map(|(path, digest)| descriptor(path, &digest.to_string()))
            .collect();
        let program = self.said("trainer", "program-sha256").and_then(digest);
        let name = self.said("trainer", "name").and_then(Value::as_str);
        all.extend(program.map(|program| descriptor(name.unwrap_or("trainer"), &program)));
        let container = self.said("isolation", "container");
        let image = container.and_then(|container| {
            let sha256 = digest(container.get("image-digest")?)?;
            Some(descriptor(container.get("image")?.as_str()?, &sha256))
        });
        all.extend(image);
        all.into()
    }

    fn builder_version(&self) -> Value {
        let name = self.said("trainer", "name").and_then(Value::as_str);
        let version = self.said("trainer", "version").and_then(Value::as_str);
        let both = name.zip(version);
        both.map_or_else(|| json!({}), |(name, version)| json!({ name: version }))
    }

    /// A time that could not be written is left out.
    fn metadata(&self) -> Value {
        let mut all = Map::new();
        let job = self.said("job", "id").and_then(Value::as_str);
        let attempt = self.said("job", "attempt").and_then(Value::as_u64);
        let run = job.zip(attempt);
        all.extend(run.map(|(job, attempt)| {
            let id = format!("urn:uuid:{job}#attempt-{attempt}");
            ("invocationId".to_owned(), id.into())
        }));
        for (name, member) in [("startedOn", "started-at"), ("finishedOn", "finished-at")] {
            let time = self.said("job", member).filter(|time| time.is_string());
            all.extend(time.map(|time| (name.to_owned(), time.clone())));
        }
        all.into()
    }

    /// The link, logs and metrics.
    fn byproducts(&self) -> Value {
        let of_run = |path: &str| {
            ArtifactPath::parse(path)
                .is_ok_and(|path| path.role == Role::Output && BYPRODUCTS.contains(&path.file))
        };
        let mut all = vec![descriptor(self.link_name, &self.link.to_string())];
        let products = self.training.products.iter();
        all.extend(
            products
                .filter(|(path, _)| of_run(path))
                .map(|(path, digest)| descriptor(path, &digest.to_string())),
        );
        all.into()
    }
}

/// A `ResourceDescriptor` of the attestation framework.
fn descriptor(name: &str, sha256: &str) -> Value {
    json!({"name": name, "digest": {"sha256": sha256}})
}

/// A digest that was measured, with or without the name of its algorithm; `None` for anything else.
fn digest(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    text.parse::<Digest>().ok().map(|digest| digest.to_string())
}
