use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    unistd::Uid,
};

/// Bytes of a worker's disk for rooms: many times what a short job needs.
const SIZE: &str = "size=64m,mode=0700";

/// A small disk of a worker, which can be filled up; gone when dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk(PathBuf);

/// Gives this process and all that it starts a list of mounts of their own, so that no mount outlives them. Call it
/// before any thread is started.
pub(crate) fn own_mounts() {
    if Uid::effective().is_root() {
        let none: Option<&str> = None;
        // Where it is refused, no disk is mounted, and the report says so.
        let _refused = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none));
    }
}

impl SmallDisk {
    /// Mounts one, with the folders above it; `None` for who may not.
    pub(crate) fn mount(at: &Path) -> anyhow::Result<Option<Self>> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(at)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let mounted = mount(Some("tmpfs"), at, Some("tmpfs"), flags, Some(SIZE));
        Ok(mounted.is_ok().then(|| Self(at.to_owned())))
    }

    /// Fills it up to the last byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut file = File::create(self.filler()).context("the file that fills the disk")?;
        for block in [1 << 20, 4096, 1] {
            while file.write(&vec![0; block]).is_ok_and(|written| written > 0) {}
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.filler()) {
            // A worker that starts meanwhile sweeps what is no room of its own.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It goes with this process at the latest.
        let _gone = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
