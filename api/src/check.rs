use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::http::StatusCode;
use assay_platform::{
    Platform,
    job::{Artifact, Role},
    sandbox::{Command, Ended, Finished, Isolation, Mode, Room, SandboxError},
};
use assay_protocol::{Event, room};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};

use crate::problem::Problem;

/// Checks that run at a time: each is a process that may use much memory.
const RUNNING: usize = 2;
/// Requests that wait for their check: a script may hand in dozens at once. Waiting costs little, their files lie on disk.
const WAITING: usize = 64;
/// How long one waits before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bounds the checks of freshly handed-in files.
#[derive(Debug)]
pub(crate) struct Checks {
    running: Semaphore,
    waiting: AtomicUsize,
}

/// One who waits; counted until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Checks {
    pub(crate) fn new() -> Self {
        Self {
            running: Semaphore::new(RUNNING),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Lets the trainer read a job's inputs in the sandbox and say whether they fit together.
    ///
    /// The API itself never opens a user's file. Gives the isolation that held during the check.
    pub(crate) async fn check(
        &self,
        platform: &Platform,
        inputs: &[Artifact],
    ) -> Result<Isolation, Problem> {
        let _permit = self.permit().await?;
        let room = furnish(platform, inputs).await?;
        let command = Command {
            mode: Mode::Check,
            threads: platform.config.trainer_threads,
        };
        let limits = &platform.config.sandbox.check_limits;
        let (sender, mut events) = mpsc::channel(64);
        let run = platform
            .checks
            .run(&room, command, limits, sender, std::future::pending());
        let last = async {
            let mut last = None;
            while let Some(event) = events.recv().await {
                if matches!(event, Event::Checked { .. } | Event::Failed(_)) {
                    last = Some(event);
                }
            }
            last
        };
        let (finished, last) = tokio::join!(run, last);
        let finished = finished.map_err(unavailable)?;
        judge(&finished, last)?;
        Ok(finished.isolation)
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, Problem> {
        if let Ok(permit) = self.running.try_acquire() {
            return Ok(permit);
        }
        let busy = || {
            let detail = "too many jobs are being handed in at this moment; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service.busy", detail).retry_after(10)
        };
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= WAITING {
            return Err(busy());
        }
        match tokio::time::timeout(PATIENCE, self.running.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(busy()),
        }
    }
}

/// A room with the inputs in it.
async fn furnish(platform: &Platform, inputs: &[Artifact]) -> Result<Room, Problem> {
    let failed = |error: SandboxError| Problem::internal("service.sandbox", error);
    let room = Room::create(&platform.rooms()).map_err(failed)?;
    for input in inputs {
        let name = match input.role {
            Role::Model => room::MODEL,
            Role::Dataset => room::DATASET,
            Role::DatasetDefinition => room::DEFINITION,
            Role::Parameters => room::PARAMETERS,
            _ => continue,
        };
        platform
            .store
            .fetch(input.digest, &room.input().join(name))
            .await?;
    }
    let limits = serde_json::to_vec(&platform.config.data_limits)
        .map_err(|error| Problem::internal("service.limits", error))?;
    room.add_input_bytes(room::LIMITS, &limits)
        .map_err(failed)?;
    Ok(room)
}

/// A good end is a `checked` event and exit status 0; everything else is refused with what is known.
fn judge(finished: &Finished, last: Option<Event>) -> Result<(), Problem> {
    match (last, finished.ended) {
        (Some(Event::Checked { .. }), Ended::Exited(0)) => Ok(()),
        (Some(Event::Failed(fault)), Ended::Exited(_)) => Err(fault.into()),
        (_, Ended::OverLimit(limit)) => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            limit.code(),
            format!(
                "checking these files went over the limit on {}; hand in smaller ones",
                limit.as_str()
            ),
        )),
        (_, ended) => Err(Problem::unprocessable(
            "model.checker_failed",
            "the program that checks these files broke down over them, so they are not accepted",
        )
        .field("model")
        .because(format_args!(
            "{ended:?}, {} lines not understood, stderr: {}",
            finished.garbage_lines, finished.stderr_tail
        ))),
    }
}

fn unavailable(error: SandboxError) -> Problem {
    match &error {
        SandboxError::Unavailable { .. } => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "sandbox.unavailable",
            error.to_string(),
        ),
        _ => Problem::internal("service.sandbox", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::ResponseError;
    use assay_platform::sandbox::LimitHit;
    use assay_protocol::Fault;

    fn finished(ended: Ended) -> Finished {
        Finished {
            ended,
            isolation: Isolation::default(),
            usage: Default::default(),
            stderr_tail: "a secret".into(),
            garbage_lines: 0,
        }
    }

    #[test]
    fn only_an_honest_end_passes() {
        let fault = || Some(Event::Failed(Fault::dataset("dataset.empty", "no rows")));
        let ours = || Some(Event::Failed(Fault::without_field("trainer.io", "disk")));
        for (ended, last, status) in [
            (Ended::Exited(1), fault(), 422),
            (Ended::Exited(0), fault(), 422),
            (Ended::Exited(1), ours(), 500),
            (Ended::Exited(0), None, 422),
            (Ended::Crashed(11), fault(), 422),
            (Ended::OverLimit(LimitHit::Memory), None, 422),
        ] {
            let problem = judge(&finished(ended), last).unwrap_err();
            assert_eq!(problem.status_code(), status, "{ended:?}");
            assert!(!problem.to_string().contains("secret"));
        }
    }

    #[test]
    fn isolation_that_is_missing_is_named() {
        let problem = unavailable(SandboxError::Unavailable {
            mechanism: assay_platform::sandbox::Mechanism::Seccomp,
            reason: "not built in".into(),
        });
        assert_eq!(problem.status_code(), 503);
        let text = problem.to_string();
        assert!(
            text.contains("seccomp") && text.contains("not built in"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn waiting_is_bounded() {
        let checks = Checks::new();
        let held = (
            checks.permit().await.unwrap(),
            checks.permit().await.unwrap(),
        );
        let waiting: Vec<_> = (0..WAITING)
            .map(|_| {
                Waiting({
                    checks.waiting.fetch_add(1, Ordering::Relaxed);
                    &checks.waiting
                })
            })
            .collect();
        let refused = checks.permit().await.map(drop).unwrap_err();
        assert_eq!(refused.status_code(), 503);
        assert_eq!(checks.waiting.load(Ordering::Relaxed), WAITING);
        drop((held, waiting));
        assert!(checks.permit().await.is_ok());
    }
}
