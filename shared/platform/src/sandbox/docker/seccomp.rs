//! The trainer's system calls as a profile for the engine.

use serde_json::{Value, json};

use crate::sandbox::calls::{ALLOWED, Call, ELDER, conditional};

/// What the engine's own program still calls between the filter and the trainer: it waits for the word to begin, closes
/// what it holds, and executes. All of it reaches only what is open or in the image.
const BEFORE_EXEC: &[&str] = &[
    "execve",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "eventfd2",
    "pipe2",
    "close_range",
    "fstatfs",
    "getppid",
    "capget",
];

/// The profile, in the engine's notation. The trainer is process 1 of its container.
pub(super) fn profile() -> String {
    let names: Vec<_> = ALLOWED
        .iter()
        .chain(ELDER)
        .copied()
        .map(Call::name)
        .chain(BEFORE_EXEC.iter().copied())
        .collect();
    let mut calls = vec![
        json!({ "names": names, "action": "SCMP_ACT_ALLOW" }),
        // Its flags lie where a filter cannot see them; on this answer the C library makes threads with clone.
        json!({ "names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSYS }),
    ];
    calls.extend(conditional(1).into_iter().map(|rule| {
        json!({
            "names": [rule.call.name()],
            "action": "SCMP_ACT_ALLOW",
            "args": [{
                "index": rule.argument,
                "value": rule.mask,
                "valueTwo": rule.value,
                "op": "SCMP_CMP_MASKED_EQ",
            }],
        })
    }));
    let profile: Value = json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": [architecture()],
        "syscalls": calls,
    });
    profile.to_string()
}

/// How many calls the profile allows the trainer.
pub(super) fn allowed() -> usize {
    let mut names: Vec<_> = conditional(1).iter().map(|rule| rule.call.name()).collect();
    names.dedup();
    ALLOWED.len() + ELDER.len() + BEFORE_EXEC.len() + names.len()
}

fn architecture() -> String {
    let name = match std::env::consts::ARCH {
        "x86_64" => "X86_64",
        "aarch64" => "AARCH64",
        "riscv64" => "RISCV64",
        other => other,
    };
    format!("SCMP_ARCH_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_refuses_by_default_and_allows_no_way_out() {
        let profile: Value = serde_json::from_str(&profile()).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let text = profile.to_string();
        for call in [
            "socket",
            "connect",
            "bind",
            "ptrace",
            "kill",
            "fork",
            "vfork",
            "mount",
            "unshare",
            "setns",
            "bpf",
            "keyctl",
            "memfd_create",
            "symlinkat",
            "linkat",
            "mkdirat",
            "mknodat",
            "io_uring_setup",
        ] {
            assert!(!text.contains(&format!("{call:?}")), "{call}");
        }
        for call in ["read", "openat", "execve", "clone", "futex"] {
            assert!(text.contains(&format!("{call:?}")), "{call}");
        }
    }
}
