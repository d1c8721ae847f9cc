use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::sandbox::Limits;

/// Lowers every bound; never raises one that was lower already. `bound_threads` says whether the process'
/// user is its own, since the kernel counts threads per user.
pub(super) fn apply(limits: &Limits, bound_threads: bool) -> Result<String, String> {
    let mut detail = Vec::new();
    let mut set = |resource, name: &str, wanted: u64, grace: u64| {
        let (_, ceiling) = getrlimit(resource).map_err(|errno| format!("{name}: {errno}"))?;
        let soft = wanted.min(ceiling);
        let hard = wanted.saturating_add(grace).min(ceiling);
        setrlimit(resource, soft, hard).map_err(|errno| format!("{name}: {errno}"))?;
        if getrlimit(resource) != Ok((soft, hard)) {
            return Err(format!("{name}: the limit did not take"));
        }
        detail.push(format!("{name} {soft}"));
        Ok(())
    };
    set(Resource::RLIMIT_AS, "address space", limits.memory_bytes, 0)?;
    // The second of grace lets the kernel say SIGXCPU before it kills, so that the cause is known.
    set(Resource::RLIMIT_CPU, "cpu seconds", limits.cpu_seconds, 1)?;
    set(Resource::RLIMIT_FSIZE, "file bytes", limits.output_bytes, 0)?;
    set(Resource::RLIMIT_NOFILE, "open files", limits.open_files, 0)?;
    set(Resource::RLIMIT_CORE, "core bytes", 0, 0)?;
    if bound_threads {
        set(Resource::RLIMIT_NPROC, "threads", limits.threads, 0)?;
    }
    Ok(detail.join(", "))
}
