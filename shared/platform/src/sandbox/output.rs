//! How much a trainer has written, and the file system of its own size that it writes into.

use std::{fs, io, os::unix::fs::MetadataExt, path::Path};

use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::statvfs,
};

use super::Limits;

/// What the file system has beyond the limit, so that going over the limit can be told from reaching it.
const SLACK_BYTES: u64 = 1 << 20;
const SLACK_FILES: u64 = 8;

/// Whether more lies in the output folder, or is held open by `pid` without a name, than `limits` allow. `own` says
/// that the folder is a file system of its own: then what has no name is seen there too.
pub(super) fn is_outgrown(output: &Path, pid: Option<i32>, own: bool, limits: &Limits) -> bool {
    let (bytes, files) = size(output, pid, limits.output_files);
    let (used_bytes, used_files) = if own { used(output) } else { (0, 0) };
    bytes.max(used_bytes) > limits.output_bytes || files.max(used_files) > limits.output_files
}

/// Bytes and number of the files below `output`, and of files that `pid` holds open but that have no name any more.
/// Counting ends once `most_files` is passed: the answer is then too high to matter.
fn size(output: &Path, pid: Option<i32>, most_files: u64) -> (u64, u64) {
    let mut bytes = 0_u64;
    let mut files = 0_u64;
    let mut add = |meta: &fs::Metadata| {
        // A file with holes counts in full, since that is what reading it back will cost.
        let stored = meta.blocks().saturating_mul(512).max(meta.len());
        bytes = bytes.saturating_add(stored);
        files += 1;
        files <= most_files
    };
    let mut folders = vec![output.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else {
                continue;
            };
            if !add(&meta) {
                return (bytes, files);
            }
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    let open = pid.and_then(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok());
    // A program that was replaced while it runs has no name either, and was not written here.
    let program = pid.and_then(|pid| fs::metadata(format!("/proc/{pid}/exe")).ok());
    let is_program = |meta: &fs::Metadata| {
        let same = |of: &fs::Metadata| (of.dev(), of.ino()) == (meta.dev(), meta.ino());
        program.as_ref().is_some_and(same)
    };
    for entry in open.into_iter().flatten().flatten() {
        if let Ok(meta) = fs::metadata(entry.path())
            && meta.is_file()
            && meta.nlink() == 0
            && !is_program(&meta)
            && !add(&meta)
        {
            break;
        }
    }
    (bytes, files)
}

/// Bytes and files that a file system of its own holds, its top folder not counted.
fn used(output: &Path) -> (u64, u64) {
    statvfs(output).map_or((0, 0), |of| {
        let blocks = of.blocks().saturating_sub(of.blocks_free());
        let files = of.files().saturating_sub(of.files_free());
        (
            blocks.saturating_mul(of.fragment_size()),
            files.saturating_sub(1),
        )
    })
}

/// Mounts a file system in memory on the output folder that holds a little more than `limits` and not a byte or file
/// beyond; nothing in it can be executed. Needs the right to mount (`CAP_SYS_ADMIN`).
pub(super) fn mount_limited(output: &Path, owner: (u32, u32), limits: &Limits) -> io::Result<()> {
    let (user, group) = owner;
    let bytes = limits.output_bytes.saturating_add(SLACK_BYTES);
    let files = limits.output_files.saturating_add(SLACK_FILES);
    let options = format!("size={bytes},nr_inodes={files},mode=0700,uid={user},gid={group}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("assay-output"),
        output,
        Some("tmpfs"),
        flags,
        Some(options.as_str()),
    )?;
    Ok(())
}

/// Takes the file system away again, if there is one; what lies in it is gone once nobody has it open.
pub(super) fn unmount(output: &Path) {
    match umount2(output, MntFlags::MNT_DETACH) {
        // Nothing is mounted there; or this process may not mount, and so has not.
        Ok(()) | Err(Errno::EINVAL | Errno::EPERM | Errno::ENOENT) => {}
        Err(error) => {
            tracing::warn!(output = %output.display(), %error, "an output folder could not be unmounted");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write};

    use super::*;

    #[test]
    fn files_without_a_name_are_counted_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("seen"), vec![1; 1000]).unwrap();
        let (named, files) = size(folder.path(), None, 10);
        assert!(named >= 1000 && files == 1);

        let hidden = tempfile::tempfile_in(folder.path()).unwrap();
        hidden.set_len(1 << 20).unwrap();
        let pid = i32::try_from(std::process::id()).unwrap();
        let (all, _) = size(folder.path(), Some(pid), 100);
        assert!(all >= named + (1 << 20));
    }

    #[test]
    fn a_program_that_was_replaced_while_it_runs_is_nothing_written() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program)
            .arg("60")
            .stdin(File::open(&program).unwrap())
            .spawn()
            .unwrap();
        fs::remove_file(&program).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let counted = size(folder.path(), Some(pid), 10);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(counted, (0, 0));
    }

    #[test]
    fn folders_are_counted_with_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), vec![1; 5000]).unwrap();
        let (bytes, files) = size(folder.path(), None, 10);
        assert!(bytes >= 5000 && files == 3, "{bytes} {files}");
    }

    /// Only where the tests may mount, which is where a server may.
    #[test]
    fn a_limited_file_system_holds_the_limit_and_hardly_more() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits {
            output_bytes: 4 << 20,
            output_files: 20,
            ..Limits::default()
        };
        let output = folder.path();
        let owner = (
            nix::unistd::getuid().as_raw(),
            nix::unistd::getgid().as_raw(),
        );
        if let Err(error) = mount_limited(output, owner, &limits) {
            assert!(!nix::unistd::geteuid().is_root() || error.raw_os_error() == Some(libc::EPERM));
            return;
        }
        let mut big = File::create(output.join("big")).unwrap();
        big.write_all(&vec![1; 4 << 20]).unwrap();
        assert!(!is_outgrown(output, None, true, &limits));
        let block = vec![1; 64 << 10];
        let written = (0..100)
            .take_while(|_| big.write_all(&block).is_ok())
            .count();
        assert!(written <= 16, "{written}");
        // Its name is gone, what it holds is not.
        fs::remove_file(output.join("big")).unwrap();
        assert!(is_outgrown(output, None, true, &limits));
        drop(big);
        // A process that another test starts just now has it open, too, until it runs its own program.
        let begun = std::time::Instant::now();
        while is_outgrown(output, None, true, &limits) {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60));
            std::thread::yield_now();
        }

        // Holes cost nothing to write, but all of them to read.
        let sparse = File::create(output.join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(is_outgrown(output, None, true, &limits));
        fs::remove_file(output.join("sparse")).unwrap();

        let made = (0..100).take_while(|n| File::create(output.join(n.to_string())).is_ok());
        assert!(made.count() < 30);
        assert!(is_outgrown(output, None, true, &limits));
        drop(sparse);
        unmount(output);
        assert_eq!(fs::read_dir(output).unwrap().count(), 0);
    }
}
