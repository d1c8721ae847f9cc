//! The system calls that computing needs, and no other.
//!
//! Whatever is not listed answers `EPERM`, so that a library that merely tries something falls back instead of
//! dying. `clone3` answers `ENOSYS`: its flags lie in memory where a filter cannot see them, and on
//! `ENOSYS` the C library makes its threads with `clone`, whose flags a filter can see.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::sandbox::calls::{ALLOWED, ELDER, conditional};

/// Filters this process for good. `pid` is its own id: the one process that it may signal, as `abort` does.
pub(super) fn apply(pid: u32) -> Result<String, String> {
    install(pid).map_err(|error| format!("seccomp: {error}"))
}

fn install(pid: u32) -> Result<String, seccompiler::Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let rules = rules(pid)?;
    let calls = rules.len() - 1;
    let no_clone3: BpfProgram = SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        arch,
    )?
    .try_into()?;
    let list: BpfProgram = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        arch,
    )?
    .try_into()?;
    seccompiler::apply_filter(&no_clone3)?;
    // The list does not hold seccomp(2) itself, so it comes last.
    seccompiler::apply_filter(&list)?;
    Ok(format!("{calls} system calls allowed"))
}

fn rules(pid: u32) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    use SeccompCmpArgLen::{Dword, Qword};
    use SeccompCmpOp::MaskedEq;

    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ELDER)
        .map(|call| (call.number, Vec::new()))
        .collect();
    // Refused with ENOSYS by the other filter.
    rules.insert(libc::SYS_clone3, Vec::new());
    let mut only = |call, argument, mask: u64, value| {
        let length = if mask > u64::from(u32::MAX) {
            Qword
        } else {
            Dword
        };
        let condition = SeccompCondition::new(argument, length, MaskedEq(mask), value)?;
        let rule = SeccompRule::new(vec![condition])?;
        rules.entry(call).or_default().push(rule);
        Ok::<_, seccompiler::BackendError>(())
    };
    for rule in conditional(pid) {
        only(rule.call.number, rule.argument, rule.mask, rule.value)?;
    }
    // The one exec still to come goes by descriptor; the trainer keeps none, and Landlock holds it afterwards.
    let by_descriptor = libc::AT_EMPTY_PATH as u64;
    only(libc::SYS_execveat, 4, u64::from(u32::MAX), by_descriptor)?;
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_compiles_and_holds_nothing_that_leaves_the_room() {
        let rules = rules(1).unwrap();
        for call in [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_execve,
            libc::SYS_kill,
            libc::SYS_ptrace,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_open,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_bpf,
            libc::SYS_io_uring_setup,
            libc::SYS_userfaultfd,
            libc::SYS_perf_event_open,
            libc::SYS_keyctl,
            libc::SYS_memfd_create,
            libc::SYS_shmget,
            libc::SYS_symlinkat,
            libc::SYS_linkat,
            libc::SYS_mkdirat,
            libc::SYS_mknodat,
            libc::SYS_fchmod,
        ] {
            assert!(!rules.contains_key(&call), "{call}");
        }
        let arch: TargetArch = std::env::consts::ARCH.try_into().unwrap();
        let filter = SeccompFilter::new(
            rules,
            SeccompAction::Errno(libc::EPERM as u32),
            SeccompAction::Allow,
            arch,
        )
        .unwrap();
        let program: BpfProgram = filter.try_into().unwrap();
        assert!(program.len() < 4096, "the kernel takes 4096 instructions");
    }
}
