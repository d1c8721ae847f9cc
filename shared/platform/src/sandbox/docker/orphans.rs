//! Which containers are whose, and which are nobody's any more.
//!
//! A container bears the rooms folder of the worker that made it, its room and the process. It is an orphan when the
//! process is this one and does not know the run; or when the process was another one over the same rooms folder whose
//! lock on the room is gone; or, whoever made it, long after its time was up.

use std::{
    collections::HashMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::sandbox::{Limits, Room};

/// The label that every container of ours has: the rooms folder as the engine's machine has it, which names the worker.
pub(super) const WORKER: &str = "assay.worker";
const ROOM: &str = "assay.room";
const PROCESS: &str = "assay.process";
const RUN: &str = "assay.run";
const DEADLINE: &str = "assay.deadline";
const JOB: &str = "assay.job";
const ATTEMPT: &str = "assay.attempt";
/// Seconds past its limit by the clock after which a container is nobody's, whatever its labels say.
const GRACE: i64 = 600;

/// The runs of this process.
#[derive(Debug)]
pub(super) struct Runs {
    process: Uuid,
    /// Of the rooms folder, as the engine's machine has it.
    worker: String,
    /// The rooms folder as this process has it.
    rooms: PathBuf,
    running: Mutex<HashMap<Uuid, String>>,
}

impl Runs {
    pub(super) fn new(worker: String, rooms: PathBuf) -> Self {
        Self {
            process: Uuid::new_v4(),
            worker,
            rooms,
            running: Mutex::default(),
        }
    }

    /// Notes a run, before its container exists, so that a sweep spares it; gives its id.
    pub(super) fn begin(&self, room: &Room) -> Uuid {
        let run = Uuid::new_v4();
        self.running().insert(run, room_name(room.root()));
        run
    }

    /// Forgets a run: if its container is still there, the next sweep takes it.
    pub(super) fn end(&self, run: Uuid) {
        self.running().remove(&run);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<Uuid, String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The labels of a run's container.
    pub(super) fn labels(
        &self,
        run: Uuid,
        room: &Room,
        limits: &Limits,
    ) -> HashMap<String, String> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let seconds = i64::try_from(limits.wall_seconds).unwrap_or(i64::MAX);
        let deadline = now.saturating_add(seconds).saturating_add(GRACE);
        let mut labels = vec![
            (WORKER, self.worker.clone()),
            (ROOM, room_name(room.root())),
            (PROCESS, self.process.to_string()),
            (RUN, run.to_string()),
            (DEADLINE, deadline.to_string()),
        ];
        if let Some(occupant) = room.occupant() {
            labels.push((JOB, occupant.job.to_string()));
            labels.push((ATTEMPT, occupant.attempt.to_string()));
        }
        let owned = labels
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        owned.collect()
    }

    /// Whether nobody minds the container with these labels.
    pub(super) fn is_orphan(&self, labels: &HashMap<String, String>) -> bool {
        let label = |name: &str| labels.get(name).map(String::as_str).unwrap_or_default();
        let now = OffsetDateTime::now_utc().unix_timestamp();
        if label(DEADLINE)
            .parse()
            .is_ok_and(|deadline: i64| deadline < now)
        {
            return true;
        }
        if label(WORKER) != self.worker {
            return false;
        }
        let running = self.running();
        if label(PROCESS) == self.process.to_string() {
            let run = Uuid::try_parse(label(RUN)).ok();
            return run.is_none_or(|run| !running.contains_key(&run));
        }
        // A room of this process cannot be that of another, which must have ended.
        let room = label(ROOM);
        running.values().any(|own| own == room) || !is_locked(&self.rooms, room)
    }
}

/// Whether a living process holds the room. What cannot be looked at is taken to be held.
fn is_locked(rooms: &Path, room: &str) -> bool {
    if room.is_empty() || room.contains(['/', '\0']) || room == ".." {
        return true;
    }
    match File::open(rooms.join(room)) {
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        Ok(folder) => folder.try_lock().is_err(),
    }
}

fn room_name(root: &Path) -> String {
    let name = root.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        folder: tempfile::TempDir,
        runs: Runs,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new("/host/rooms".into(), folder.path().to_owned());
        Scene { folder, runs }
    }

    #[test]
    fn a_run_is_spared_until_it_has_ended() {
        let Scene { folder, runs } = scene();
        let room = Room::create(folder.path()).unwrap();
        let run = runs.begin(&room);
        let labels = runs.labels(run, &room, &Limits::default());
        assert!(!runs.is_orphan(&labels));
        runs.end(run);
        assert!(runs.is_orphan(&labels));
    }

    #[test]
    fn another_process_is_alive_while_it_holds_the_room() {
        let Scene { folder, runs } = scene();
        let room = Room::create(folder.path()).unwrap();
        let other = Runs::new("/host/rooms".into(), folder.path().to_owned());
        let labels = other.labels(Uuid::new_v4(), &room, &Limits::default());
        assert!(!runs.is_orphan(&labels));
        drop(room);
        assert!(runs.is_orphan(&labels));
    }

    #[test]
    fn a_room_that_this_process_has_now_is_no_other_process() {
        let Scene { folder, runs } = scene();
        let room = Room::create(folder.path()).unwrap();
        let before = Runs::new("/host/rooms".into(), folder.path().to_owned());
        let labels = before.labels(Uuid::new_v4(), &room, &Limits::default());
        runs.begin(&room);
        assert!(runs.is_orphan(&labels));
    }

    #[test]
    fn another_worker_is_left_alone_until_long_after_its_time() {
        let Scene { folder, runs } = scene();
        let room = Room::create(folder.path()).unwrap();
        let other = Runs::new("/elsewhere".into(), folder.path().to_owned());
        let mut labels = other.labels(Uuid::new_v4(), &room, &Limits::default());
        drop(room);
        assert!(!runs.is_orphan(&labels));
        labels.insert(DEADLINE.into(), "1000".into());
        assert!(runs.is_orphan(&labels));
        assert!(!runs.is_orphan(&HashMap::new()));
    }
}
