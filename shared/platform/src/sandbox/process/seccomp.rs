//! The system calls that computing needs, and no other.
//!
//! Whatever is not listed answers `EPERM`, so that a library that merely tries something falls back instead of
//! dying. `clone3` answers `ENOSYS`: its flags lie in memory where a filter cannot see them, and on
//! `ENOSYS` the C library makes its threads with `clone`, whose flags a filter can see.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Calls allowed with any arguments. They reach only memory, time, this process and files that Landlock let it open.
const ALLOWED: &[c_long] = &[
    // files
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_copy_file_range,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_ppoll,
    // memory
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    // threads and signals of this process
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_sigaltstack,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // time, chance and facts
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // refused with ENOSYS by the other filter
    libc::SYS_clone3,
];

/// Calls that only the older architecture has, each an elder twin of one above.
#[cfg(target_arch = "x86_64")]
const ELDER: &[c_long] = &[
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_poll,
    libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ELDER: &[c_long] = &[];

/// `PR_SET_VMA` of `<linux/prctl.h>`: naming a stretch of memory, as allocators do.
const PR_SET_VMA: u64 = 0x5356_4d41;
/// The bit that sets `O_TMPFILE` apart from `O_DIRECTORY`: a file without a name would escape the count of outputs.
const TMPFILE: u64 = (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64;
/// Nothing that a filter allows may make a namespace, and only threads may be made at all.
const THREAD: u64 = libc::CLONE_THREAD as u64;
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

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
    use SeccompCmpOp::{Eq, MaskedEq};

    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED
        .iter()
        .chain(ELDER)
        .map(|call| (*call, Vec::new()))
        .collect();
    let mut only = |call, argument, length, test: SeccompCmpOp, value| {
        let condition = SeccompCondition::new(argument, length, test, value)?;
        let rule = SeccompRule::new(vec![condition])?;
        rules.entry(call).or_default().push(rule);
        Ok::<_, seccompiler::BackendError>(())
    };
    let threads = MaskedEq(THREAD | NAMESPACES);
    only(libc::SYS_clone, 0, Qword, threads, THREAD)?;
    only(libc::SYS_openat, 2, Dword, MaskedEq(TMPFILE), 0)?;
    #[cfg(target_arch = "x86_64")]
    only(libc::SYS_open, 1, Dword, MaskedEq(TMPFILE), 0)?;
    only(libc::SYS_tgkill, 0, Dword, Eq, u64::from(pid))?;
    // Limits can be read, not set.
    only(libc::SYS_prlimit64, 2, Qword, Eq, 0)?;
    // The one exec still to come goes by descriptor; the trainer keeps none, and Landlock holds it afterwards.
    only(libc::SYS_execveat, 4, Dword, Eq, libc::AT_EMPTY_PATH as u64)?;
    for option in [libc::PR_SET_NAME as u64, PR_SET_VMA] {
        only(libc::SYS_prctl, 0, Dword, Eq, option)?;
    }
    for command in [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
    ] {
        only(libc::SYS_fcntl, 1, Dword, Eq, command as u64)?;
    }
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
