//! The system calls that computing needs, as data: the child process filters itself by this list, and a container is
//! given a profile made of the same list.

use libc::c_long;

/// A system call: its number, by its name in the kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    name: &'static str,
    /// Its number on this architecture.
    pub(super) number: c_long,
}

impl Call {
    /// Its name in the kernel.
    pub(super) fn name(self) -> &'static str {
        self.name.strip_prefix("SYS_").unwrap_or(self.name)
    }
}

/// A call that is allowed only if one of its arguments, cut to `mask`, is `value`. Several for one call: any of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Only {
    /// The call.
    pub(super) call: Call,
    /// Which argument, from 0.
    pub(super) argument: u8,
    /// The bits that count.
    pub(super) mask: u64,
    /// What they must be.
    pub(super) value: u64,
}

macro_rules! calls {
    ($($name:ident),* $(,)?) => {
        &[$(Call { name: stringify!($name), number: libc::$name }),*]
    };
}

macro_rules! only {
    ($name:ident, $argument:expr, $mask:expr, $value:expr) => {
        Only {
            call: Call {
                name: stringify!($name),
                number: libc::$name,
            },
            argument: $argument,
            mask: $mask,
            value: $value,
        }
    };
}

/// Calls allowed with any arguments. They reach only memory, time, this process and files that Landlock let it open.
pub(super) const ALLOWED: &[Call] = calls![
    // files
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    SYS_close,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_fadvise64,
    SYS_copy_file_range,
    SYS_renameat,
    SYS_renameat2,
    SYS_unlinkat,
    SYS_ppoll,
    // memory
    SYS_brk,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_madvise,
    // threads and signals of this process
    SYS_futex,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_sigaltstack,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_getcpu,
    SYS_gettid,
    SYS_getpid,
    SYS_exit,
    SYS_exit_group,
    // time, chance and facts
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
];

/// Calls that only the older architecture has, each an elder twin of one above.
#[cfg(target_arch = "x86_64")]
pub(super) const ELDER: &[Call] = calls![
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_rename,
    SYS_unlink,
    SYS_poll,
    SYS_time,
    SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const ELDER: &[Call] = &[];

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
/// Arguments that the kernel reads as 32 bits.
const WORD: u64 = u32::MAX as u64;

/// Calls whose arguments decide. `pid` is the process' own id: the one process that it may signal, as `abort` does.
pub(super) fn conditional(pid: u32) -> Vec<Only> {
    let mut rules = vec![
        only!(SYS_clone, 0, THREAD | NAMESPACES, THREAD),
        only!(SYS_openat, 2, TMPFILE, 0),
        only!(SYS_tgkill, 0, WORD, u64::from(pid)),
        // Limits can be read, not set.
        only!(SYS_prlimit64, 2, u64::MAX, 0),
    ];
    #[cfg(target_arch = "x86_64")]
    rules.push(only!(SYS_open, 1, TMPFILE, 0));
    for option in [libc::PR_SET_NAME as u64, PR_SET_VMA] {
        rules.push(only!(SYS_prctl, 0, WORD, option));
    }
    for command in [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
    ] {
        rules.push(only!(SYS_fcntl, 1, WORD, command as u64));
    }
    rules
}
