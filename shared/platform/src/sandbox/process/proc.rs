//! What `/proc` says of a process.

use std::{fs, os::unix::fs::MetadataExt, path::Path, time::Duration};

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

/// Bytes and number of the files in `output`, and of files that `pid` holds open but that have no name any more.
/// Counting ends once `most_files` is passed: the answer is then too high to matter.
pub(super) fn output_size(output: &Path, pid: Option<i32>, most_files: u64) -> (u64, u64) {
    let mut bytes = 0_u64;
    let mut files = 0_u64;
    let mut add = |meta: fs::Metadata| {
        // A file with holes counts in full, since that is what reading it back will cost.
        let stored = meta.blocks().saturating_mul(512).max(meta.len());
        bytes = bytes.saturating_add(stored);
        files += 1;
        files <= most_files
    };
    for entry in fs::read_dir(output).into_iter().flatten().flatten() {
        if let Ok(meta) = entry.metadata()
            && !add(meta)
        {
            return (bytes, files);
        }
    }
    let open = pid.and_then(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok());
    for entry in open.into_iter().flatten().flatten() {
        if let Ok(meta) = fs::metadata(entry.path())
            && meta.is_file()
            && meta.nlink() == 0
            && !add(meta)
        {
            break;
        }
    }
    (bytes, files)
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

    #[test]
    fn files_without_a_name_are_counted_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("seen"), vec![1; 1000]).unwrap();
        let (named, files) = output_size(folder.path(), None, 10);
        assert!(named >= 1000 && files == 1);

        let hidden = tempfile::tempfile_in(folder.path()).unwrap();
        hidden.set_len(1 << 20).unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        let (all, _) = output_size(folder.path(), Some(pid), 100);
        assert!(all >= named + (1 << 20));
    }
}
