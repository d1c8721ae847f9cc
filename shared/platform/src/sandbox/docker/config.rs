use serde::{Deserialize, Serialize};

/// The `[docker]` part of the configuration; of use only with `sandbox.kind = "docker"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DockerConfig {
    /// Where the engine listens: `unix:///…`, or with `allow_remote` also `tcp://host:port`.
    pub host: String,
    /// Lets `host` be a network address. Whoever reaches that address is root on the engine's machine.
    pub allow_remote: bool,
    /// The trainer's image, as a name, a name with a digest, or an image's id. It must be there already: nothing is pulled.
    pub image: String,
    /// The trainer's file in the image; absolute.
    pub trainer: String,
    /// Where the engine's machine has the rooms folder, if that is not where this process has it.
    pub rooms: String,
    /// Which system calls a training without a graphics processor may make.
    pub seccomp: SeccompProfile,
    /// The engine's runtime, as `runsc`; empty for the one it uses by itself.
    pub runtime: String,
    /// Seconds that the engine may take to answer one request.
    pub call_seconds: u64,
    /// Seconds between two looks for containers that nobody minds any more.
    pub sweep_seconds: u64,
}

/// A list of system calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeccompProfile {
    /// Those that the trainer needs, the same as in a restricted child process.
    #[default]
    Trainer,
    /// The engine's own list. Always so with a graphics processor, whose driver needs more.
    Engine,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            host: "unix:///var/run/docker.sock".to_owned(),
            allow_remote: false,
            image: "assay-trainer".to_owned(),
            trainer: "/assay-trainer".to_owned(),
            rooms: String::new(),
            seccomp: SeccompProfile::default(),
            runtime: String::new(),
            call_seconds: 60,
            sweep_seconds: 30,
        }
    }
}
