//! What `/proc` says of a process.

use std::{fs, time::Duration};

use nix::unistd::{SysconfVar, sysconf};

/// The value of a line of `/proc/<pid>/status`.
pub(super) fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(str::trim)
}

/// The most memory that a process held at a time, in bytes.
pub(super) fn peak_memory(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = status_field(&status, "VmHWM")?.strip_suffix(" kB")?;
    kib.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Processor time (user, system) of a process, which may have ended but must not have been reaped.
pub(super) fn cpu_times(pid: i32) -> Option<(Duration, Duration)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let per_second = u32::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok()?;
    parse_cpu_times(&stat, per_second)
}

fn parse_cpu_times(stat: &str, per_second: u32) -> Option<(Duration, Duration)> {
    // The second field is the program's name in brackets, which may itself hold brackets and spaces.
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let mut time = || {
        let ticks: u32 = fields.next()?.parse().ok()?;
        Duration::from_secs(ticks.into()).checked_div(per_second)
    };
    Some((time()?, time()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_past_any_program_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 250 50 0 0 20 0 1 0 9";
        let (user, system) = parse_cpu_times(stat, 100).unwrap();
        assert_eq!((user.as_millis(), system.as_millis()), (2500, 500));
        assert_eq!(parse_cpu_times("7 (a", 100), None);
        assert_eq!(parse_cpu_times(stat, 0), None);
    }

    #[test]
    fn this_process_can_be_measured() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(peak_memory(pid).unwrap() > 1 << 16);
        assert!(cpu_times(pid).is_some());
    }
}
