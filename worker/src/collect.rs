use std::{
    collections::BTreeMap,
    io,
    os::unix::fs::FileExt,
    sync::{Mutex, PoisonError},
};

use assay_platform::{
    Platform,
    ids::UniqueDir,
    job::{Artifact, Role},
    sandbox::{CollectError, FileEntry, Room, collect as open_outputs},
};
use assay_protocol::{OutputFile, room};

use crate::stop::Stop;

/// Bytes of a failed training's `logs.txt` that are kept.
const MAX_KEPT_LOG_BYTES: u64 = 16 << 20;

/// Takes the outputs of a good run into the store, each read and hashed once on the way.
///
/// Refused as a whole: a file that is absent, too many, not a plain file, of another size than the trainer
/// said, or plainly not of its kind.
pub(crate) async fn collect(
    platform: &Platform,
    unique_dir: UniqueDir,
    room: &Room,
    said: &[OutputFile],
    stored: &mut Vec<Artifact>,
) -> Result<Vec<Artifact>, Stop> {
    let entries = open(platform, room).await?;
    check(&entries, said)?;
    let mut waiting: BTreeMap<String, FileEntry> = entries
        .into_iter()
        .map(|entry| (entry.name.clone(), entry))
        .collect();
    // In the order in which people see them, all on their way to the disk at once.
    let [a, b, c, d, e, f] =
        room::OUTPUTS.map(|name| store(platform, unique_dir, name, waiting.remove(name)));
    let notes = Notes::new(stored);
    let (a, b, c, d, e, f) = tokio::join!(
        notes.when(a),
        notes.when(b),
        notes.when(c),
        notes.when(d),
        notes.when(e),
        notes.when(f)
    );
    [a, b, c, d, e, f].into_iter().collect()
}

/// Notes everything that reached the store at the moment when it did: whoever clears up has to know of it, also when
/// something else did not get there, or the whole was given up half-way.
#[derive(Debug)]
pub(crate) struct Notes<'a>(Mutex<&'a mut Vec<Artifact>>);

impl<'a> Notes<'a> {
    pub(crate) fn new(stored: &'a mut Vec<Artifact>) -> Self {
        Self(Mutex::new(stored))
    }

    /// Notes an artifact when it is stored.
    pub(crate) async fn when(
        &self,
        storing: impl Future<Output = Result<Artifact, Stop>>,
    ) -> Result<Artifact, Stop> {
        let artifact = storing.await?;
        // A list is whole between any two calls.
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stored.push(artifact.clone());
        Ok(artifact)
    }
}

/// Keeps what a failed training wrote into its log, if it is a plain file of sensible size.
pub(crate) async fn keep_logs(
    platform: &Platform,
    unique_dir: UniqueDir,
    room: &Room,
) -> Vec<Artifact> {
    let Ok(entries) = open(platform, room).await else {
        return Vec::new();
    };
    let logs = entries
        .into_iter()
        .find(|entry| entry.name == room::LOGS && (1..=MAX_KEPT_LOG_BYTES).contains(&entry.bytes));
    if logs.is_none() {
        return Vec::new();
    }
    match store(platform, unique_dir, room::LOGS, logs).await {
        Ok(artifact) => vec![artifact],
        Err(stop) => {
            tracing::warn!(?stop, "the log of a failed training could not be kept");
            Vec::new()
        }
    }
}

async fn open(platform: &Platform, room: &Room) -> Result<Vec<FileEntry>, Stop> {
    let folder = room.output();
    let limits = platform.config.sandbox.limits.clone();
    let opened = tokio::task::spawn_blocking(move || open_outputs(&folder, &limits)).await;
    match opened {
        Ok(Ok(entries)) => Ok(entries),
        Ok(Err(CollectError::Io(error))) => Err(error.into()),
        Ok(Err(refused)) => Err(Stop::ours("trainer.outputs", refused.to_string())),
        Err(error) => Err(Stop::Infrastructure(error.to_string())),
    }
}

fn check(entries: &[FileEntry], said: &[OutputFile]) -> Result<(), Stop> {
    let refuse = |message: String| Err(Stop::ours("trainer.outputs", message));
    if let Some(extra) = entries
        .iter()
        .find(|entry| !room::OUTPUTS.contains(&entry.name.as_str()))
    {
        return refuse(format!(
            "the training left a file that it may not: {:?}",
            extra.name
        ));
    }
    for name in room::OUTPUTS {
        let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
            return refuse(format!("the training left no {name}"));
        };
        match said.iter().find(|file| file.name == name) {
            Some(file) if file.bytes == entry.bytes => {}
            Some(file) => {
                return refuse(format!(
                    "{name} has {} bytes, but the trainer reported {}",
                    entry.bytes, file.bytes
                ));
            }
            None => return refuse(format!("the trainer did not report {name}")),
        }
        if !is_plausible(name, entry)? {
            return refuse(format!("{name} is empty or not of its kind"));
        }
    }
    Ok(())
}

/// Looks at the first bytes only: more would be to open what a user's model had a hand in.
fn is_plausible(name: &str, entry: &FileEntry) -> io::Result<bool> {
    let mut head = [0_u8; 9];
    let read = entry.file.read_at(&mut head, 0)?;
    let [len @ .., first] = head;
    Ok(match name {
        room::TRAINED_MODEL => head.starts_with(b"PK\x03\x04"),
        room::WEIGHTS => {
            let header = u64::from_le_bytes(len);
            read == head.len() && first == b'{' && header <= entry.bytes.saturating_sub(8)
        }
        room::METRICS | room::ARCHITECTURE | room::PREPROCESSING => head.starts_with(b"{"),
        _ => true,
    })
}

async fn store(
    platform: &Platform,
    unique_dir: UniqueDir,
    name: &'static str,
    entry: Option<FileEntry>,
) -> Result<Artifact, Stop> {
    let Some(entry) = entry else {
        return Err(Stop::ours(
            "trainer.outputs",
            format!("the training left no {name}"),
        ));
    };
    let path = assay_attest::Role::Output
        .path(&unique_dir.to_string(), name)
        .map_err(|error| Stop::Infrastructure(error.to_string()))?;
    // The very file that was looked at, copied: what the trainer made would keep the trainer's owner. The digest is
    // of the copied bytes, so the record is of what is stored, whatever happens to the file.
    let stored = platform.store.put_open_file(entry.file).await?;
    Ok(Artifact {
        path,
        role: Role::Output,
        digest: stored.digest,
        bytes: stored.bytes,
    })
}

#[cfg(test)]
mod tests;
