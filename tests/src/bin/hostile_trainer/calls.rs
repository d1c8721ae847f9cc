//! System calls that a trainer has no business making. Each is made so that success would be harmless to the machine.

use std::{ffi::CStr, io, process::Command};

use libc::c_long;

use super::{reach::Targets, report};

pub(crate) fn all(targets: &Targets) {
    sockets();
    processes();
    others(targets.server);
    privileges();
    executions();
    report("run a program", Command::new("/bin/true").status());
    report(
        "resume the own program",
        Command::new("/proc/self/exe").status(),
    );
}

fn sockets() {
    for (name, family, kind, protocol) in [
        ("netlink", libc::AF_NETLINK, libc::SOCK_RAW, 0),
        ("raw", libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP),
        ("packet", libc::AF_PACKET, libc::SOCK_RAW, 0),
        ("vsock", libc::AF_VSOCK, libc::SOCK_STREAM, 0),
        ("inet6", libc::AF_INET6, libc::SOCK_STREAM, 0),
        ("alg", libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    ] {
        let arguments = [family, kind, protocol].map(c_long::from);
        attempt(name, libc::SYS_socket, &arguments);
    }
}

fn processes() {
    // As the C library forks: nothing shared, the parent told of the end.
    make_process("clone", libc::SYS_clone, &[c_long::from(libc::SIGCHLD)]);
    let namespace = c_long::from(libc::SIGCHLD | libc::CLONE_NEWUSER);
    make_process("clone into a namespace", libc::SYS_clone, &[namespace]);
    let mut clone3 = [0_u64; 11];
    clone3[4] = libc::SIGCHLD as u64;
    let arguments = [clone3.as_ptr() as c_long, size_of_val(&clone3) as c_long];
    make_process("clone3", libc::SYS_clone3, &arguments);
    #[cfg(target_arch = "x86_64")]
    make_process("fork", libc::SYS_fork, &[]);
}

/// A child that does come to be leaves at once.
fn make_process(name: &str, call: c_long, arguments: &[c_long]) {
    let made = raw(call, arguments);
    if matches!(made, Ok(0)) {
        std::process::exit(0);
    }
    report(name, made);
}

fn others(server: i32) {
    let server = c_long::from(server);
    let mut byte = 0_u8;
    let local = [(&raw mut byte) as usize, 1];
    let remote = [0x40_0000_usize, 1];
    let vectors = [local.as_ptr() as c_long, 1, remote.as_ptr() as c_long, 1, 0];
    let memory = [&[server], vectors.as_slice()].concat();
    attempt("signal the server", libc::SYS_kill, &[server, 0]);
    attempt("signal everyone", libc::SYS_kill, &[-1, 0]);
    attempt(
        "signal a thread of the server",
        libc::SYS_tgkill,
        &[server, server, 0],
    );
    attempt(
        "signal by queue",
        libc::SYS_rt_sigqueueinfo,
        &[server, 0, 0],
    );
    attempt(
        "ptrace the server",
        libc::SYS_ptrace,
        &[libc::PTRACE_SEIZE.into(), server, 0, 0],
    );
    attempt(
        "ptrace me",
        libc::SYS_ptrace,
        &[libc::PTRACE_TRACEME.into(), 0, 0, 0],
    );
    attempt(
        "read the server's memory",
        libc::SYS_process_vm_readv,
        &memory,
    );
    attempt(
        "write the server's memory",
        libc::SYS_process_vm_writev,
        &memory,
    );
    attempt("hold the server", libc::SYS_pidfd_open, &[server, 0]);
    attempt(
        "own signals",
        libc::SYS_fcntl,
        &[1, libc::F_SETOWN.into(), server],
    );
    attempt(
        "limit the server",
        libc::SYS_prlimit64,
        &[server, 7, memory.as_ptr() as c_long, 0],
    );
    attempt("renice the server", libc::SYS_setpriority, &[0, server, 19]);
}

fn privileges() {
    let lifted = [u64::MAX, u64::MAX];
    let limit = [
        0,
        c_long::from(libc::RLIMIT_AS),
        lifted.as_ptr() as c_long,
        0,
    ];
    attempt("raise a limit", libc::SYS_prlimit64, &limit);
    attempt("become root", libc::SYS_setresuid, &[0, 0, 0]);
    attempt("unshare", libc::SYS_unshare, &[libc::CLONE_NEWUSER.into()]);
    attempt("setns", libc::SYS_setns, &[0, 0]);
    attempt(
        "mount",
        libc::SYS_mount,
        &[text(c"none"), text(c"out"), text(c"tmpfs"), 0, 0],
    );
    attempt("chroot", libc::SYS_chroot, &[text(c"out")]);
    attempt(
        "pivot_root",
        libc::SYS_pivot_root,
        &[text(c"out"), text(c"out")],
    );
    attempt("bpf", libc::SYS_bpf, &[0, 0, 0]);
    attempt(
        "io_uring",
        libc::SYS_io_uring_setup,
        &[1, [0_u8; 256].as_ptr() as c_long],
    );
    attempt("userfaultfd", libc::SYS_userfaultfd, &[0]);
    attempt("perf", libc::SYS_perf_event_open, &[0, 0, -1, -1, 0]);
    attempt("keyring", libc::SYS_keyctl, &[0, -3, 1]);
    attempt("memfd", libc::SYS_memfd_create, &[text(c"x"), 0]);
    attempt("shared memory", libc::SYS_shmget, &[0, 4096, 0o1600]);
    attempt(
        "message queue",
        libc::SYS_mq_open,
        &[text(c"x"), 0o102, 0o600, 0],
    );
    attempt("open by handle", libc::SYS_open_by_handle_at, &[-1, 0, 0]);
    attempt(
        "device",
        libc::SYS_mknodat,
        &[-100, text(c"out/device"), 0o20_600, 0x103],
    );
    attempt(
        "pipe with a name",
        libc::SYS_mknodat,
        &[-100, text(c"out/pipe"), 0o10_600, 0],
    );
    attempt("syslog", libc::SYS_syslog, &[3, 0, 0]);
    attempt("reboot", libc::SYS_reboot, &[0, 0, 0, 0]);
    attempt(
        "type into a terminal",
        libc::SYS_ioctl,
        &[0, libc::TIOCSTI as c_long, text(c"x")],
    );
}

fn executions() {
    attempt("execute", libc::SYS_execve, &[text(c"/bin/true"), 0, 0]);
    let (nowhere, path) = (-100, text(c"/bin/true"));
    attempt("execute at", libc::SYS_execveat, &[nowhere, path, 0, 0, 0]);
    attempt(
        "execute at, as the launcher does",
        libc::SYS_execveat,
        &[nowhere, path, 0, 0, libc::AT_EMPTY_PATH.into()],
    );
}

fn text(text: &'static CStr) -> c_long {
    text.as_ptr() as c_long
}

fn attempt(name: &str, call: c_long, arguments: &[c_long]) {
    report(name, raw(call, arguments));
}

fn raw(call: c_long, arguments: &[c_long]) -> io::Result<c_long> {
    let at = |i: usize| arguments.get(i).copied().unwrap_or(0);
    // SAFETY: every pointer passed in is to memory that is alive and as large as the call says; a process made here
    // shares nothing and leaves at once.
    let result = unsafe { libc::syscall(call, at(0), at(1), at(2), at(3), at(4), at(5)) };
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
