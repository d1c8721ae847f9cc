//! How rooms look from the engine's side: found out at the start, since nobody can say it for sure.

use std::{fmt, fs, path::Path, sync::Arc};

use assay_attest::Digest;
use uuid::Uuid;

use super::{Shared, cage::Cage, image, spec::ROOM};
use crate::sandbox::{Limits, Room, SandboxError};

const MARK: &str = "mark";

/// How the size of an output folder is bounded.
#[derive(Debug, Clone)]
pub(super) enum Quota {
    /// By a file system in memory that the worker mounts on the folder and the engine sees there.
    Tmpfs,
    /// By a bound on each file and a look at the folder every 50 ms, since there can be no such file system: why.
    Watched(String),
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tmpfs => f.write_str("tmpfs"),
            Self::Watched(reason) => write!(f, "watched: {reason}"),
        }
    }
}

/// Makes a room and a container for it, and looks from within. Gives the digest of the trainer, and what can bound the
/// output.
pub(super) async fn survey(
    shared: &Arc<Shared>,
    rooms: &Path,
) -> Result<(Digest, Quota), SandboxError> {
    let room = Room::create(rooms)?;
    let limits = Limits::for_checks();
    let mounted = room.limit_output(&limits);
    let (trainer, seen) = look(shared, &room, &limits).await?;
    let reason = match mounted {
        Ok(()) if seen => return Ok((trainer, Quota::Tmpfs)),
        Ok(()) => "what the worker mounts is not mounted where the engine is".to_owned(),
        Err(error) => format!("the worker may not mount ({error})"),
    };
    let seen = if room.is_limited() {
        room.unlimit_output();
        look(shared, &room, &limits).await?.1
    } else {
        seen
    };
    if !seen {
        return Err(SandboxError::Settings(format!(
            "the engine does not have the rooms folder {} at {}; set docker.rooms to where its machine has it",
            rooms.display(),
            shared.rooms.display()
        )));
    }
    let watched = format!("{reason}; each file is bounded and the folder is looked at every 50 ms");
    Ok((trainer, Quota::Watched(watched)))
}

/// The trainer's digest, and whether a file in the room's output folder is the same in the container.
async fn look(
    shared: &Arc<Shared>,
    room: &Room,
    limits: &Limits,
) -> Result<(Digest, bool), SandboxError> {
    let (engine, config) = (&shared.engine, &shared.config);
    let text = Uuid::new_v4().to_string();
    fs::write(room.output().join(MARK), &text).map_err(SandboxError::io("write into a room"))?;
    let unbounded = Err("not looked at".to_owned());
    let (cage, _) = Cage::make(shared, room, None, limits, unbounded).await?;
    let measured = shared
        .image
        .measure(engine, cage.name(), &config.trainer)
        .await;
    let path = format!("{ROOM}/out/{MARK}");
    let found = image::read(engine, cage.name(), &path, text.len()).await;
    cage.remove().await;
    // An engine that does not have the folder at all may say so in words of its own.
    let seen = found.is_ok_and(|found| found.is_some_and(|found| found.head == text.as_bytes()));
    Ok((measured?, seen))
}
