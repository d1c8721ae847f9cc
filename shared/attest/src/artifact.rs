use serde::{Deserialize, Serialize};

use crate::{PathError, check_path};

/// The files that a training leaves, all of them products of `run_training`.
pub const OUTPUT_NAMES: [&str; 6] = [
    "trained_model.keras",
    "metrics.json",
    "logs.txt",
    "model.safetensors",
    "model.json",
    "preprocessing.json",
];

/// What an artifact is to its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The model handed in.
    Model,
    /// The data set handed in.
    Dataset,
    /// The data set definition handed in.
    DatasetDefinition,
    /// The request itself, canonical JSON.
    Parameters,
    /// An SBOM of the submitter's own, handed in with the job.
    Sbom,
    /// One of [`OUTPUT_NAMES`].
    Output,
}

impl Role {
    /// The inputs, each of which every job has exactly once.
    pub const INPUTS: [Self; 4] = [
        Self::Model,
        Self::Dataset,
        Self::DatasetDefinition,
        Self::Parameters,
    ];
    /// The inputs that a job may have besides, each at most once.
    pub const OPTIONAL_INPUTS: [Self; 1] = [Self::Sbom];

    /// The path under which links name such an artifact; `file` is not looked at for [`Role::Parameters`].
    ///
    /// # Errors
    /// [`PathError`] when a name has something in it that a path may not have.
    pub fn path(self, unique_dir: &str, file: &str) -> Result<String, PathError> {
        let path = match self {
            Self::Model => format!("{unique_dir}/inputs/model/{file}"),
            Self::Dataset => format!("{unique_dir}/inputs/dataset/{file}"),
            Self::DatasetDefinition => format!("{unique_dir}/inputs/dataset_definition/{file}"),
            Self::Parameters => format!("{unique_dir}/inputs/parameters.json"),
            Self::Sbom => format!("{unique_dir}/inputs/sbom/{file}"),
            Self::Output => format!("{unique_dir}/outputs/{file}"),
        };
        check_path(&path)?;
        Ok(path)
    }
}

/// The parts of an artifact's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtifactPath<'a> {
    /// The job's folder.
    pub unique_dir: &'a str,
    /// What the artifact is to the job.
    pub role: Role,
    /// The file's name.
    pub file: &'a str,
}

impl<'a> ArtifactPath<'a> {
    /// Takes apart a path that [`Role::path`] made.
    ///
    /// # Errors
    /// [`PathError`] for every other path.
    pub fn parse(path: &'a str) -> Result<Self, PathError> {
        check_path(path)?;
        let parts: Vec<&str> = path.split('/').collect();
        let (unique_dir, role, file) = match *parts.as_slice() {
            [dir, "inputs", "model", file] => (dir, Role::Model, file),
            [dir, "inputs", "dataset", file] => (dir, Role::Dataset, file),
            [dir, "inputs", "dataset_definition", file] => (dir, Role::DatasetDefinition, file),
            [dir, "inputs", "sbom", file] => (dir, Role::Sbom, file),
            [dir, "inputs", file @ "parameters.json"] => (dir, Role::Parameters, file),
            [dir, "outputs", file] if OUTPUT_NAMES.contains(&file) => (dir, Role::Output, file),
            _ => {
                return Err(PathError {
                    path: path.chars().take(120).collect(),
                    reason: "no artifact of a job lies there",
                });
            }
        };
        Ok(Self {
            unique_dir,
            role,
            file,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_round_trips_and_other_paths_are_refused() {
        for (role, file) in [
            (Role::Model, "wine.keras"),
            (Role::Dataset, "wine.csv"),
            (Role::DatasetDefinition, "d.yaml"),
            (Role::Parameters, "parameters.json"),
            (Role::Sbom, "sbom.json"),
            (Role::Output, "logs.txt"),
        ] {
            let path = role.path("job", file).unwrap();
            assert_eq!(
                ArtifactPath::parse(&path),
                Ok(ArtifactPath {
                    unique_dir: "job",
                    role,
                    file
                })
            );
        }
        for bad in [
            "job/inputs/other/x",
            "job/outputs/x.txt",
            "job/x",
            "a/job/outputs/logs.txt",
            "job/inputs/model/a/b",
            "../outputs/logs.txt",
        ] {
            assert!(ArtifactPath::parse(bad).is_err(), "{bad}");
        }
        assert!(Role::Model.path("job", "../../x").is_err());
    }
}
