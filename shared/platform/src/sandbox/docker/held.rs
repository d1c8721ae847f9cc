//! What the engine says a container really is, held against what was asked for.

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigCgroupnsModeEnum,
};

use super::{seccomp, spec::ROOM};
use crate::sandbox::{Isolation, Mechanism};

/// What the engine's own list of system calls is, as it says itself; `None` if it has none.
pub(super) type EngineSeccomp = Option<String>;

/// Every mechanism of a container, as held or missing. `quota` is what became of the output's own file system.
pub(super) fn isolation(
    asked: &ContainerCreateBody,
    found: &ContainerInspectResponse,
    own_list: &EngineSeccomp,
    quota: Result<String, String>,
) -> Isolation {
    let mut isolation = Isolation {
        sandbox: "docker".to_owned(),
        ..Isolation::default()
    };
    let nothing = HostConfig::default();
    let wanted = asked.host_config.as_ref().unwrap_or(&nothing);
    let host = found.host_config.as_ref().unwrap_or(&nothing);
    let mut record = |mechanism, outcome| isolation.record(mechanism, outcome);
    record(Mechanism::NoNewPrivs, privileges(host));
    record(Mechanism::UnprivilegedUser, user(asked, found));
    record(Mechanism::Rlimits, rlimits(wanted, host));
    record(Mechanism::NetworkNamespace, network(found, host));
    record(Mechanism::Seccomp, system_calls(wanted, host, own_list));
    record(Mechanism::NoCapabilities, capabilities(host));
    record(Mechanism::ReadOnlyRoot, root(found, host));
    record(Mechanism::ControlGroups, groups(wanted, host));
    record(Mechanism::Namespaces, namespaces(wanted, host));
    record(Mechanism::OutputQuota, quota);
    isolation
}

fn privileges(host: &HostConfig) -> Result<String, String> {
    if options(host).any(|option| option.starts_with("no-new-privileges")) {
        Ok("set".to_owned())
    } else {
        Err("the engine does not show the option no-new-privileges".to_owned())
    }
}

fn user(asked: &ContainerCreateBody, found: &ContainerInspectResponse) -> Result<String, String> {
    let user = found
        .config
        .as_ref()
        .and_then(|config| config.user.as_deref());
    let user = user.unwrap_or_default();
    let (id, _) = user.split_once(':').unwrap_or((user, ""));
    match id.parse::<u32>() {
        Ok(0) | Err(_) => Err(format!("the container runs as the user {user:?}")),
        Ok(_) if asked.user.as_deref() != Some(user) => Err(format!(
            "the container runs as {user}, not as {}",
            asked.user.as_deref().unwrap_or_default()
        )),
        Ok(id) => Ok(format!("uid {id}")),
    }
}

fn rlimits(wanted: &HostConfig, host: &HostConfig) -> Result<String, String> {
    let found = host.ulimits.as_deref().unwrap_or_default();
    let wanted = wanted.ulimits.as_deref().unwrap_or_default();
    if let Some(lost) = wanted.iter().find(|bound| !found.contains(bound)) {
        return Err(format!(
            "the engine does not show the bound {}",
            lost.name.as_deref().unwrap_or_default()
        ));
    }
    let shown = wanted.iter().map(|bound| {
        let name = bound.name.as_deref().unwrap_or_default();
        format!("{name} {}", bound.hard.unwrap_or_default())
    });
    Ok(shown.collect::<Vec<_>>().join(", "))
}

fn network(found: &ContainerInspectResponse, host: &HostConfig) -> Result<String, String> {
    let mode = host.network_mode.as_deref().unwrap_or_default();
    let settings = found.network_settings.as_ref();
    let networks = settings.and_then(|settings| settings.networks.as_ref());
    let other = networks
        .into_iter()
        .flatten()
        .find(|(name, _)| *name != "none");
    match (mode, other) {
        ("none", None) => Ok("no interface but loopback".to_owned()),
        (_, Some((name, _))) => Err(format!("the container is on the network {name}")),
        (mode, None) => Err(format!("the container has the network mode {mode:?}")),
    }
}

fn system_calls(
    wanted: &HostConfig,
    host: &HostConfig,
    own_list: &EngineSeccomp,
) -> Result<String, String> {
    let Some(own_list) = own_list else {
        return Err("the engine has no seccomp".to_owned());
    };
    let ours = options(wanted).find(|option| option.starts_with("seccomp="));
    let found = options(host).find(|option| option.starts_with("seccomp="));
    match (ours, found) {
        (Some(ours), Some(found)) if ours == found => {
            Ok(format!("{} system calls allowed", seccomp::allowed()))
        }
        (None, None) if own_list != "unconfined" => {
            Ok(format!("the engine's own list ({own_list})"))
        }
        _ => Err("the engine does not show the list of system calls that was asked for".to_owned()),
    }
}

fn capabilities(host: &HostConfig) -> Result<String, String> {
    let dropped = host.cap_drop.as_deref().unwrap_or_default();
    let added = host.cap_add.as_deref().unwrap_or_default();
    if dropped == ["ALL"] && added.is_empty() && host.privileged == Some(false) {
        Ok("all dropped".to_owned())
    } else {
        Err(format!("dropped {dropped:?}, added {added:?}"))
    }
}

/// Nothing but the two folders of the room may be mounted, and only one of them writable.
fn root(found: &ContainerInspectResponse, host: &HostConfig) -> Result<String, String> {
    if host.readonly_rootfs != Some(true) {
        return Err("the root file system can be written".to_owned());
    }
    if host.tmpfs.as_ref().is_some_and(|tmpfs| !tmpfs.is_empty()) {
        return Err("there is a tmpfs that nobody asked for".to_owned());
    }
    for mount in found.mounts.iter().flatten() {
        let at = mount.destination.as_deref().unwrap_or_default();
        let writable = mount.rw.unwrap_or(true);
        let right = match at.strip_prefix(ROOM) {
            Some("/in") => !writable,
            Some("/out") => true,
            _ => false,
        };
        if !right {
            return Err(format!("{at} is mounted (writable: {writable})"));
        }
    }
    if found.mounts.as_ref().map(Vec::len) != Some(2) {
        return Err("the room's folders are not mounted".to_owned());
    }
    Ok("only the output folder can be written".to_owned())
}

fn groups(wanted: &HostConfig, host: &HostConfig) -> Result<String, String> {
    for (name, wanted, found) in [
        ("memory", wanted.memory, host.memory),
        ("memory and swap", wanted.memory_swap, host.memory_swap),
        ("processors", wanted.nano_cpus, host.nano_cpus),
        ("processes", wanted.pids_limit, host.pids_limit),
    ] {
        if wanted != found {
            return Err(format!("the bound on {name} is {found:?}, not {wanted:?}"));
        }
    }
    let processors = host.nano_cpus.unwrap_or_default() / 1_000_000_000;
    Ok(format!(
        "memory {} with swap, processors {processors}, processes {}",
        host.memory.unwrap_or_default(),
        host.pids_limit.unwrap_or_default()
    ))
}

fn namespaces(wanted: &HostConfig, host: &HostConfig) -> Result<String, String> {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    if text(&host.ipc_mode) != "none" {
        return Err(format!("the ipc mode is {:?}", text(&host.ipc_mode)));
    }
    if host.cgroupns_mode != Some(HostConfigCgroupnsModeEnum::PRIVATE) {
        return Err(format!("the cgroup namespace is {:?}", host.cgroupns_mode));
    }
    for (name, mode) in [
        ("process", &host.pid_mode),
        ("host name", &host.uts_mode),
        ("user", &host.userns_mode),
    ] {
        if !text(mode).is_empty() {
            return Err(format!("the {name} namespace is {:?}", text(mode)));
        }
    }
    if !host.devices.as_deref().unwrap_or_default().is_empty() {
        return Err("the container has devices that nobody asked for".to_owned());
    }
    let requests = |host: &HostConfig| host.device_requests.as_ref().map_or(0, Vec::len);
    match (requests(wanted), requests(host)) {
        (0, 0) => Ok("processes, mounts, shared memory, control groups; no device".to_owned()),
        (asked, found) if asked == found => Ok(
            "processes, mounts, shared memory, control groups; one graphics processor".to_owned(),
        ),
        (asked, found) => Err(format!("{found} devices requested, not {asked}")),
    }
}

fn options(host: &HostConfig) -> impl Iterator<Item = &str> {
    let options = host.security_opt.as_deref().unwrap_or_default();
    options.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerConfig, MountPoint};

    use super::*;
    use crate::sandbox::{
        Limits, SandboxKind,
        docker::{
            config::SeccompProfile,
            spec::{Spec, body},
        },
    };

    fn asked() -> ContainerCreateBody {
        body(&Spec {
            image: "sha256:0123",
            trainer: "/assay-trainer",
            command: None,
            limits: &Limits::default(),
            room: "/rooms/room-1",
            owner: (1001, 1001),
            gpu: false,
            seccomp: SeccompProfile::Trainer,
            runtime: "",
            processors: 2,
            labels: Default::default(),
        })
    }

    /// As an engine shows a container that is what was asked for.
    fn shown(asked: &ContainerCreateBody) -> ContainerInspectResponse {
        let mount = |name: &str, rw| MountPoint {
            destination: Some(format!("{ROOM}/{name}")),
            rw: Some(rw),
            ..MountPoint::default()
        };
        ContainerInspectResponse {
            config: Some(ContainerConfig {
                user: asked.user.clone(),
                ..ContainerConfig::default()
            }),
            host_config: asked.host_config.clone(),
            mounts: Some(vec![mount("in", false), mount("out", true)]),
            ..ContainerInspectResponse::default()
        }
    }

    fn missing(
        change: impl FnOnce(&mut HostConfig, &mut ContainerInspectResponse),
    ) -> Vec<Mechanism> {
        let asked = asked();
        let mut found = shown(&asked);
        let mut host = found.host_config.take().unwrap();
        change(&mut host, &mut found);
        found.host_config = Some(host);
        let own = Some("default".to_owned());
        let isolation = isolation(&asked, &found, &own, Ok("tmpfs".to_owned()));
        let all = Mechanism::of(SandboxKind::Docker).len();
        assert_eq!(isolation.held.len() + isolation.missing.len(), all);
        isolation.missing.iter().map(|one| one.mechanism).collect()
    }

    #[test]
    fn what_was_asked_for_is_held() {
        assert_eq!(missing(|_, _| {}), []);
    }

    #[test]
    fn every_change_by_the_engine_is_seen() {
        use Mechanism as M;
        assert_eq!(missing(|h, _| h.memory_swap = Some(-1)), [M::ControlGroups]);
        assert_eq!(missing(|h, _| h.pids_limit = None), [M::ControlGroups]);
        assert_eq!(
            missing(|h, _| h.network_mode = Some("bridge".into())),
            [M::NetworkNamespace]
        );
        assert_eq!(
            missing(|h, _| h.cap_add = Some(vec!["SYS_ADMIN".into()])),
            [M::NoCapabilities]
        );
        assert_eq!(
            missing(|h, _| h.privileged = Some(true)),
            [M::NoCapabilities]
        );
        assert_eq!(
            missing(|h, _| h.readonly_rootfs = Some(false)),
            [M::ReadOnlyRoot]
        );
        assert_eq!(
            missing(|h, _| h.ipc_mode = Some("host".into())),
            [M::Namespaces]
        );
        assert_eq!(
            missing(|h, _| h.pid_mode = Some("host".into())),
            [M::Namespaces]
        );
        assert_eq!(missing(|h, _| h.ulimits = None), [M::Rlimits]);
        assert_eq!(
            missing(|h, _| h.security_opt = Some(vec!["seccomp=unconfined".into()])),
            [M::NoNewPrivs, M::Seccomp]
        );
        assert_eq!(
            missing(|_, found| found.config.as_mut().unwrap().user = Some(String::new())),
            [M::UnprivilegedUser]
        );
        let socket = MountPoint {
            destination: Some("/var/run/docker.sock".into()),
            ..MountPoint::default()
        };
        assert_eq!(
            missing(|_, found| found.mounts.as_mut().unwrap().push(socket)),
            [M::ReadOnlyRoot]
        );
    }
}
