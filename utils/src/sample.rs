//! Real data sets with matching untrained models, so that nobody needs data of their own to begin.

mod digits;
mod wine;

use std::{fs, path::Path};

use anyhow::{Context, bail};
use clap::ValueEnum;

/// A sample that the program carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sample {
    /// UCI Wine: 178 wines, 13 measurements, three cultivars (CSV).
    Wine,
    /// Optical digits: 1,797 images of 8 × 8 pixels, ten classes (zip of class folders).
    Digits,
}

/// The file with what a sample's authors say of model and data.
pub(crate) const METADATA: &str = "metadata.yaml";

/// The files of a sample, ready to be handed in.
#[derive(Debug)]
pub(crate) struct Files {
    /// `model.keras`, untrained.
    pub(crate) model: Vec<u8>,
    /// `wine.csv` or `digits.zip`.
    pub(crate) dataset: (&'static str, Vec<u8>),
    /// `definition.yaml`.
    pub(crate) definition: &'static str,
    /// Parameters that suit the data: form field and value.
    pub(crate) parameters: &'static [(&'static str, &'static str)],
    /// What to say of model and data: form field and value.
    pub(crate) metadata: &'static [(&'static str, &'static str)],
}

impl Files {
    /// `metadata.yaml`: each value as a JSON string, which is YAML, too.
    fn metadata_file(&self) -> anyhow::Result<String> {
        let mut text = String::new();
        for (field, value) in self.metadata {
            text.push_str(&format!("{field}: {}\n", serde_json::to_string(value)?));
        }
        Ok(text)
    }
}

impl Sample {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wine => "wine",
            Self::Digits => "digits",
        }
    }

    /// Makes its files.
    pub(crate) fn files(self) -> anyhow::Result<Files> {
        match self {
            Self::Wine => wine::files(),
            Self::Digits => digits::files(),
        }
    }

    /// Writes its files into `dir`, which is made when absent; refuses to overwrite.
    pub(crate) fn write(self, dir: &Path) -> anyhow::Result<Files> {
        let files = self.files()?;
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let (dataset_name, dataset) = &files.dataset;
        for (name, bytes) in [
            ("model.keras", files.model.as_slice()),
            (dataset_name, dataset.as_slice()),
            ("definition.yaml", files.definition.as_bytes()),
            (METADATA, files.metadata_file()?.as_bytes()),
        ] {
            let path = dir.join(name);
            if path.exists() {
                bail!("{} exists; choose another folder", path.display());
            }
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(files)
    }
}

/// The untrained Keras archive of a configuration.
fn untrained(config: &serde_json::Value) -> anyhow::Result<Vec<u8>> {
    assay_trainer::archive::untrained(config, 1).context("making the sample's model")
}
