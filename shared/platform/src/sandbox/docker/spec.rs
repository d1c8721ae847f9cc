//! From limits to a container: a pure function.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use super::{config::SeccompProfile, seccomp};
use crate::sandbox::{Command, Limits};

/// The folder of the room within the container.
pub(super) const ROOM: &str = "/room";
/// Seconds of processor time by which the kernel's bound lies above the limit, so that the watch comes first.
const CPU_GRACE: u64 = 2;

/// What a container is made of.
#[derive(Debug, Clone)]
pub(super) struct Spec<'a> {
    /// The image's id: a name could come to mean another image.
    pub(super) image: &'a str,
    /// The trainer's file in the image.
    pub(super) trainer: &'a str,
    /// What to do; nothing for a container that is only looked at.
    pub(super) command: Option<Command>,
    pub(super) limits: &'a Limits,
    /// The room's folder as the engine's machine has it.
    pub(super) room: &'a str,
    /// User and group that the trainer runs under.
    pub(super) owner: (u32, u32),
    pub(super) gpu: bool,
    pub(super) seccomp: SeccompProfile,
    /// The engine's runtime; empty for its own choice.
    pub(super) runtime: &'a str,
    /// Processors that the engine's machine has.
    pub(super) processors: u32,
    pub(super) labels: HashMap<String, String>,
}

/// What the engine is asked for.
pub(super) fn body(spec: &Spec<'_>) -> ContainerCreateBody {
    let (user, group) = spec.owner;
    ContainerCreateBody {
        image: Some(spec.image.to_owned()),
        entrypoint: Some(vec![spec.trainer.to_owned()]),
        cmd: Some(spec.command.map(Command::arguments).unwrap_or_default()),
        working_dir: Some(ROOM.to_owned()),
        user: Some(format!("{user}:{group}")),
        hostname: Some("room".to_owned()),
        env: Some(Vec::new()),
        labels: Some(spec.labels.clone()),
        attach_stdin: Some(false),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(false),
        tty: Some(false),
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host(spec)),
        ..ContainerCreateBody::default()
    }
}

fn host(spec: &Spec<'_>) -> HostConfig {
    let limits = spec.limits;
    let memory = number(limits.memory_bytes);
    let processors = spec.command.map_or(1, |command| command.threads);
    let processors = processors.clamp(1, spec.processors.max(1));
    HostConfig {
        network_mode: Some("none".to_owned()),
        readonly_rootfs: Some(true),
        // No propagation is named: the engine then keeps mounts of the room out of the container and those of the
        // container out of the room.
        binds: Some(vec![
            format!("{}/in:{ROOM}/in:ro", spec.room),
            format!("{}/out:{ROOM}/out:rw", spec.room),
        ]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(security(spec)),
        privileged: Some(false),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(i64::from(processors) * 1_000_000_000),
        pids_limit: Some(number(limits.threads)),
        ulimits: Some(ulimits(limits)),
        oom_score_adj: Some(1000),
        oom_kill_disable: Some(false),
        ipc_mode: Some("none".to_owned()),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        devices: Some(Vec::new()),
        device_requests: Some(if spec.gpu { vec![gpu()] } else { Vec::new() }),
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".to_owned()),
            config: None,
        }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        auto_remove: Some(false),
        runtime: (!spec.runtime.is_empty()).then(|| spec.runtime.to_owned()),
        ..HostConfig::default()
    }
}

fn security(spec: &Spec<'_>) -> Vec<String> {
    let mut options = vec!["no-new-privileges".to_owned()];
    if spec.seccomp == SeccompProfile::Trainer && !spec.gpu {
        options.push(format!("seccomp={}", seccomp::profile()));
    }
    options
}

fn ulimits(limits: &Limits) -> Vec<ResourcesUlimits> {
    let bound = |name: &str, soft: u64, hard: u64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(number(soft)),
        hard: Some(number(hard)),
    };
    let cpu = limits.cpu_seconds.saturating_add(CPU_GRACE);
    vec![
        bound("core", 0, 0),
        bound("cpu", cpu, cpu),
        bound("fsize", limits.output_bytes, limits.output_bytes),
        bound("msgqueue", 0, 0),
        bound("nofile", limits.open_files, limits.open_files),
    ]
}

fn gpu() -> DeviceRequest {
    DeviceRequest {
        driver: Some("nvidia".to_owned()),
        count: Some(1),
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    }
}

/// The interface has signed numbers; what does not fit is no bound anyway.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Mode;

    fn body_of(gpu: bool, seccomp: SeccompProfile) -> String {
        let labels = [("assay.job", "4b1d"), ("assay.attempt", "2")];
        let spec = Spec {
            image: "sha256:0123",
            trainer: "/assay-trainer",
            command: Some(Command {
                mode: Mode::Train,
                threads: 4,
            }),
            limits: &Limits::default(),
            room: "/srv/rooms/room-7",
            owner: (1_900_000_007, 1_900_000_007),
            gpu,
            seccomp,
            runtime: "",
            processors: 2,
            labels: labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        };
        // Through a value, whose maps are sorted.
        let value = serde_json::to_value(body(&spec)).unwrap();
        serde_json::to_string_pretty(&value).unwrap() + "\n"
    }

    /// To accept a change: run the test with `ASSAY_ACCEPT=1` and read what changed.
    fn assert_is(name: &str, made: &str, kept: &str) {
        if std::env::var_os("ASSAY_ACCEPT").is_some() {
            let path = format!(
                "{}/src/sandbox/docker/snapshots/{name}",
                env!("CARGO_MANIFEST_DIR")
            );
            std::fs::write(path, made).unwrap();
            return;
        }
        assert!(made == kept, "{name} is not what is kept:\n{made}");
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_whole_mapping_is_as_it_was_reviewed() {
        let cpu = body_of(false, SeccompProfile::Trainer);
        assert_is("train.json", &cpu, include_str!("snapshots/train.json"));
        let gpu = body_of(true, SeccompProfile::Trainer);
        assert_is(
            "train-gpu.json",
            &gpu,
            include_str!("snapshots/train-gpu.json"),
        );
    }
}
