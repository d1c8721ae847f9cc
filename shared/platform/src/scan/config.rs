use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Component, Severity};
use crate::config::{hours, seconds};

/// Scans of images, and what they decide: the section `[scan]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanConfig {
    /// Whether a job's proof must have a scan of the image that trained it.
    pub required: bool,
    /// Which findings hold jobs back.
    pub fail_on: FailOn,
    /// How long before it is looked again whether a held job may run.
    #[serde(rename = "recheck_seconds", deserialize_with = "seconds")]
    pub recheck: Duration,
    /// A scan older than this does not let jobs run.
    #[serde(rename = "max_age_hours", deserialize_with = "hours")]
    pub max_age: Duration,
    /// What is scanned.
    pub images: Vec<ImageToScan>,
    /// The Docker engine that has the images; empty: the one that trains.
    pub docker_host: String,
    /// How often each image is scanned.
    #[serde(rename = "every_seconds", deserialize_with = "seconds")]
    pub every: Duration,
    /// How often it is looked whether there is a new image.
    #[serde(rename = "look_seconds", deserialize_with = "seconds")]
    pub look: Duration,
    /// The Trivy program.
    pub trivy: PathBuf,
    /// The folder of its database; empty: its own choice.
    pub cache_dir: PathBuf,
    /// Whether it may fetch a newer database before a scan.
    pub update_database: bool,
    /// An older database is stale.
    #[serde(rename = "database_max_age_hours", deserialize_with = "hours")]
    pub database_max_age: Duration,
    /// How long a scan may take.
    #[serde(rename = "timeout_seconds", deserialize_with = "seconds")]
    pub timeout: Duration,
    /// Bytes of one report at most.
    pub report_bytes: u64,
}

/// Which findings in the image that would train hold jobs back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// Critical ones.
    Critical,
    /// Critical and high ones.
    High,
    /// None: scans are recorded, and decide nothing.
    None,
}

impl FailOn {
    /// The least severity that holds jobs back.
    pub fn level(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::High => Some(Severity::High),
            Self::None => None,
        }
    }

    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::None => "none",
        }
    }
}

/// An image that is scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageToScan {
    /// What it is for.
    pub component: Component,
    /// Where it is.
    pub source: Source,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the Docker engine, under this name or id.
    Engine(String),
    /// In an archive that `docker save` wrote.
    Archive(PathBuf),
}

impl ImageToScan {
    /// Reads `COMPONENT=IMAGE`; the error says what was expected.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no image to scan; expected COMPONENT=IMAGE with one of worker, trainer, api, scanner, \
                 as in trainer=assay-trainer:latest or api=/images/api.tar"
            )
        };
        let (component, image) = text.split_once('=').ok_or_else(wrong)?;
        let component = Component::parse(component.trim()).ok_or_else(wrong)?;
        let image = image.trim();
        // A name that begins with a hyphen would be taken for an option.
        if image.is_empty() || image.starts_with('-') || image.chars().any(char::is_control) {
            return Err(wrong());
        }
        let archive = std::path::Path::new(image)
            .extension()
            .is_some_and(|extension| extension == "tar");
        let source = if archive {
            Source::Archive(image.into())
        } else {
            Source::Engine(image.to_owned())
        };
        Ok(Self { component, source })
    }

    /// What it is called in records.
    pub fn name(&self) -> String {
        match &self.source {
            Source::Engine(name) => name.clone(),
            Source::Archive(path) => path.display().to_string(),
        }
    }
}

impl<'de> Deserialize<'de> for ImageToScan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

impl ScanConfig {
    /// Whether anything here needs a scanner's key.
    pub fn is_wanted(&self) -> bool {
        self.required || !self.images.is_empty()
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let spans = [
            (self.recheck, "scan.recheck_seconds"),
            (self.max_age, "scan.max_age_hours"),
            (self.every, "scan.every_seconds"),
            (self.look, "scan.look_seconds"),
            (self.timeout, "scan.timeout_seconds"),
        ];
        if let Some((_, name)) = spans.iter().find(|(span, _)| span.is_zero()) {
            return Err(format!("{name} must be at least 1"));
        }
        if self.report_bytes == 0 {
            return Err("scan.report_bytes must be at least 1".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_with_their_component() {
        let image = ImageToScan::parse("trainer = assay-trainer:1.0").unwrap();
        assert_eq!(image.component, Component::Trainer);
        assert_eq!(image.source, Source::Engine("assay-trainer:1.0".into()));
        let archive = ImageToScan::parse("api=/x/api.tar").unwrap();
        assert_eq!(archive.source, Source::Archive("/x/api.tar".into()));
        for wrong in ["assay-trainer", "other=x", "api=", "api=--config=/x", "=x"] {
            assert!(ImageToScan::parse(wrong).is_err(), "{wrong}");
        }
    }
}
