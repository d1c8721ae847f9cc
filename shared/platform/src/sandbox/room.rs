//! The folder in which one run takes place: `in/` to read, `out/` to write, nothing else.
//!
//! A room is made by whoever may do everything and used by somebody who may do nothing, so who owns what and who may enter
//! is set here, before anything untrusted runs; and it is removed here, whatever the run has made of it.

use std::{
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use nix::unistd::{getegid, geteuid};

use super::{Limits, SandboxError, output};
use crate::ids::JobId;

/// The first of the user ids that rooms run under when the server is root. The 65,536 ids from here on
/// lie in a range that no distribution hands out, so they own nothing but their room.
const FIRST_ROOM_USER: u32 = 1_900_000_000;
/// Used where the ids above are not mapped (a container's user namespace): the kernel's overflow id.
const NOBODY: u32 = 65_534;
const PREFIX: &str = "room-";
const ROOM_NUMBERS: u32 = 65_536;

/// A folder made for one job attempt: `in/` for its inputs, `out/` for its outputs. Removed when dropped.
///
/// The folder stays locked while the room lives, so that [`sweep_rooms`] of another process leaves it alone.
#[derive(Debug)]
pub struct Room {
    root: PathBuf,
    user: Option<u32>,
    /// Whether a file system of its own lies on `out/`.
    limited: AtomicBool,
    occupant: Option<Occupant>,
    _lock: File,
}

/// For whom a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupant {
    /// The job.
    pub job: JobId,
    /// Which attempt at it.
    pub attempt: u32,
    /// Whether it trains on a graphics processor.
    pub gpu: bool,
}

impl Room {
    /// Makes a room under `rooms`, which is made too if it is absent.
    ///
    /// When the server is root the room gets a user id that no other room under `rooms` has at the time.
    ///
    /// # Errors
    /// [`SandboxError::Io`] when a folder cannot be made or given to its user.
    pub fn create(rooms: &Path) -> Result<Self, SandboxError> {
        make(rooms).map_err(SandboxError::io("make a room"))
    }

    /// Notes for whom the room is: a container in it then bears the job's labels and gets the devices it needs.
    #[must_use]
    pub fn occupied_by(mut self, occupant: Occupant) -> Self {
        self.occupant = Some(occupant);
        self
    }

    /// Makes `source` readable in the room as `in/<name>`: a hard link where the file is read-only already and on
    /// the same file system, a copy otherwise.
    ///
    /// # Errors
    /// [`SandboxError::Io`], also when `name` is not a plain file name or is taken.
    pub fn add_input(&self, name: &str, source: &Path) -> Result<(), SandboxError> {
        let add = || {
            let target = self.input_path(name)?;
            let mode = source.metadata()?.mode();
            // The link shares its permissions with the original, so only what needs no change is linked.
            let readable = if self.user.is_some() { 0o004 } else { 0o400 };
            if mode & readable != 0 && mode & 0o222 == 0 && fs::hard_link(source, &target).is_ok() {
                return Ok(());
            }
            if target.symlink_metadata().is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::copy(source, &target)?;
            fs::set_permissions(&target, Permissions::from_mode(0o444))
        };
        add().map_err(SandboxError::io("put an input into a room"))
    }

    /// Writes `bytes` as `in/<name>`, read-only.
    ///
    /// # Errors
    /// As [`Room::add_input`].
    pub fn add_input_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), SandboxError> {
        let add = || {
            let target = self.input_path(name)?;
            let mut file = File::create_new(&target)?;
            io::Write::write_all(&mut file, bytes)?;
            file.set_permissions(Permissions::from_mode(0o444))
        };
        add().map_err(SandboxError::io("put an input into a room"))
    }

    /// The folder of the inputs.
    pub fn input(&self) -> PathBuf {
        self.root.join("in")
    }

    /// The folder of the outputs. Everything in it is the trainer's work: read it through [`super::collect`].
    pub fn output(&self) -> PathBuf {
        self.root.join("out")
    }

    pub(super) fn occupant(&self) -> Option<Occupant> {
        self.occupant
    }

    /// Whom the outputs belong to, as user and group.
    pub(super) fn owner(&self) -> (u32, u32) {
        self.user.map_or_else(
            || (geteuid().as_raw(), getegid().as_raw()),
            |user| (user, user),
        )
    }

    /// Puts a file system of its own, which holds hardly more than `limits`, on the still empty `out/`.
    pub(super) fn limit_output(&self, limits: &Limits) -> io::Result<()> {
        if !self.is_limited() {
            output::mount_limited(&self.output(), self.owner(), limits)?;
            self.limited.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes that file system away again.
    pub(super) fn unlimit_output(&self) {
        if self.limited.swap(false, Ordering::Relaxed) {
            output::unmount(&self.output());
        }
    }

    /// Whether `out/` is a file system of its own.
    pub(super) fn is_limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The user and group id that the trainer is to run under, when the server is root.
    pub(crate) fn user(&self) -> Option<u32> {
        self.user
    }

    /// Whether no other room shares the user id, so that limits per user are limits of this room.
    pub(crate) fn user_is_own(&self) -> bool {
        self.user.is_some_and(|user| user != NOBODY)
    }

    fn input_path(&self, name: &str) -> io::Result<PathBuf> {
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} is not a file name"),
            ));
        }
        Ok(self.root.join("in").join(name))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.unlimit_output();
        if let Err(error) = fs::remove_dir_all(&self.root) {
            tracing::warn!(room = %self.root.display(), %error, "a room could not be removed");
        }
    }
}

/// Removes the rooms under `rooms` that an earlier process left behind; gives their number. A folder that is
/// absent has none.
///
/// # Errors
/// [`SandboxError::Io`] when the folder cannot be read or a room cannot be removed.
pub fn sweep_rooms(rooms: &Path) -> Result<usize, SandboxError> {
    let sweep = || -> io::Result<usize> {
        let entries = match fs::read_dir(rooms) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut removed = 0;
        for entry in entries {
            let entry = entry?;
            let is_room = entry.file_name().to_string_lossy().starts_with(PREFIX);
            if !is_room || !entry.file_type()?.is_dir() {
                continue;
            }
            match File::open(entry.path())?.try_lock() {
                Err(TryLockError::WouldBlock) => continue,
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            output::unmount(&entry.path().join("out"));
            fs::remove_dir_all(entry.path())?;
            removed += 1;
        }
        Ok(removed)
    };
    sweep().map_err(SandboxError::io("remove rooms left behind"))
}

fn make(rooms: &Path) -> io::Result<Room> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(rooms)?;
    let rooms = rooms.canonicalize()?;
    let (root, number) = claim(&rooms)?;
    let lock = File::open(&root)?;
    let mut room = Room {
        root,
        user: None,
        limited: AtomicBool::new(false),
        occupant: None,
        _lock: lock.try_clone()?,
    };
    lock.lock()?;
    DirBuilder::new().mode(0o755).create(room.input())?;
    DirBuilder::new().mode(0o700).create(room.output())?;
    // The modes asked for above pass through the umask.
    fs::set_permissions(room.input(), Permissions::from_mode(0o755))?;
    fs::set_permissions(&room.root, Permissions::from_mode(0o711))?;
    if geteuid().is_root() {
        room.user = Some(give(&room.output(), FIRST_ROOM_USER + number)?);
    }
    Ok(room)
}

/// Makes a folder with a number that is free; making it is what claims the number.
fn claim(rooms: &Path) -> io::Result<(PathBuf, u32)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    for _ in 0..ROOM_NUMBERS {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % ROOM_NUMBERS;
        let root = rooms.join(format!("{PREFIX}{number}"));
        match DirBuilder::new().mode(0o700).create(&root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| (root, number)),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::QuotaExceeded,
        "every room number is taken; remove what lies in the rooms folder",
    ))
}

fn give(output: &Path, user: u32) -> io::Result<u32> {
    match chown(output, Some(user), Some(user)) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            chown(output, Some(NOBODY), Some(NOBODY))?;
            Ok(NOBODY)
        }
        given => given.map(|()| user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_takes_inputs_read_only_and_goes_when_dropped() {
        let base = tempfile::tempdir().unwrap();
        let frozen = base.path().join("frozen");
        fs::write(&frozen, "data").unwrap();
        fs::set_permissions(&frozen, Permissions::from_mode(0o444)).unwrap();
        let writable = base.path().join("writable");
        fs::write(&writable, "data").unwrap();

        let room = Room::create(&base.path().join("rooms")).unwrap();
        room.add_input("linked", &frozen).unwrap();
        room.add_input("copied", &writable).unwrap();
        room.add_input_bytes("bytes", b"data").unwrap();

        let meta = |name: &str| room.input().join(name).metadata().unwrap();
        assert_eq!(meta("linked").ino(), frozen.metadata().unwrap().ino());
        assert_ne!(meta("copied").ino(), writable.metadata().unwrap().ino());
        for name in ["linked", "copied", "bytes"] {
            assert_eq!(meta(name).mode() & 0o777, 0o444);
        }
        let root = room.root.clone();
        drop(room);
        assert!(!root.exists());
        assert!(frozen.exists());
    }

    #[test]
    fn input_names_are_plain_and_taken_once() {
        let base = tempfile::tempdir().unwrap();
        let room = Room::create(base.path()).unwrap();
        for name in ["", ".", "..", "a/b", "/etc/x", "a\0b"] {
            assert!(room.add_input_bytes(name, b"").is_err(), "{name:?}");
        }
        room.add_input_bytes("model", b"1").unwrap();
        assert!(room.add_input_bytes("model", b"2").is_err());
        assert!(
            room.add_input("model", &room.input().join("model"))
                .is_err()
        );
    }

    #[test]
    fn rooms_do_not_share_a_number_and_sweeping_spares_the_living() {
        let base = tempfile::tempdir().unwrap();
        let one = Room::create(base.path()).unwrap();
        let two = Room::create(base.path()).unwrap();
        assert_ne!(one.root, two.root);
        if geteuid().is_root() {
            assert_ne!(one.user, two.user);
        }
        fs::create_dir_all(base.path().join("room-left/out")).unwrap();
        assert_eq!(sweep_rooms(base.path()).unwrap(), 1);
        assert!(one.root.exists() && two.root.exists());
        assert_eq!(sweep_rooms(&base.path().join("absent")).unwrap(), 0);
    }
}
