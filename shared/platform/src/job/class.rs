//! Where and when a job runs: the kind of machine that it needs, and its place in the line.

use assay_protocol::{Device, JobRequest};
use serde::{Deserialize, Serialize};

/// What a job needs of the machine that runs it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Processors only.
    #[default]
    Cpu,
    /// A graphics processor that computes.
    Gpu,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Gpu];

    /// The word that people, queues and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }

    /// What a job with this request needs. One that leaves the choice to us trains on processors, which every machine has.
    pub fn of(request: &JobRequest) -> Self {
        match request.parameters.device {
            Device::Cuda => Self::Gpu,
            Device::Auto | Device::Cpu => Self::Cpu,
        }
    }

    /// The class of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// Which of the waiting jobs come first. It never stops a job that runs.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After all others.
    Low,
    /// What nobody asked to be otherwise.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// Every priority, the last in line first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The word that people, queues and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// The priority of a word; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }
}
