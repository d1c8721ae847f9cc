//! An engine that hangs or goes away is an error within a limit, never a wait; and never the job's fault.

use assay_platform::sandbox::{DockerConfig, DockerSandbox, Limits, SandboxError};
use assay_test_parts::{Image, names};
use tokio::sync::mpsc;

use super::{
    proxy::{Door, Proxy},
    support::{config, containers, image, open, until_containers},
};
use crate::sandbox::support::{HOSTILE, TRAIN, World, run_in};

fn real() -> String {
    let host = names::of(names::DOCKER).unwrap();
    host.strip_prefix("unix://").unwrap().to_owned()
}

/// Sets the door in the middle of a run; gives the error.
async fn in_the_middle(door: Door) -> SandboxError {
    let world = World::new();
    let proxy = Proxy::new(world.folder.path(), &real());
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    config.host = format!("unix://{}", proxy.socket.display());
    let docker = open(&world, &config).await.unwrap();
    // Patient while the machine is slow, impatient once the engine is known to hang.
    config.call_seconds = 30;
    config.sweep_seconds = 1;
    drop(docker);
    let sandbox = assay_platform::sandbox::Sandbox::Docker(open(&world, &config).await.unwrap());
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(8);
    let limits = Limits::default();
    let run = sandbox.run(&room, TRAIN, &limits, sender, std::future::pending());
    let (ended, ()) = tokio::join!(run, async {
        events.recv().await.unwrap();
        proxy.set(door);
    });
    let error = ended.unwrap_err();
    assert_eq!(containers(&world.rooms()).await.len(), 1);

    // The engine is there again: what could not be removed is, and jobs run.
    proxy.set(Door::Open);
    until_containers(&world.rooms(), 0).await;
    let room = world.room("honest");
    let ran = run_in(&sandbox, &room, &limits).await.unwrap();
    assert!(ran.finished.succeeded(), "{ran:?}");
    error
}

#[tokio::test]
async fn an_engine_that_goes_away_in_the_middle() {
    let error = in_the_middle(Door::Gone).await;
    assert!(matches!(error, SandboxError::Engine { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_that_hangs_in_the_middle() {
    let error = in_the_middle(Door::Frozen).await;
    assert!(matches!(error, SandboxError::Engine { .. }), "{error}");
    assert!(error.to_string().contains("no answer for 30 s"), "{error}");
}

async fn refusal(change: impl FnOnce(&mut DockerConfig)) -> String {
    let world = World::new();
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    change(&mut config);
    let opened = DockerSandbox::open(&config, &[].into(), &world.rooms()).await;
    opened.unwrap_err().to_string()
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_the_start_and_said() {
    let error = refusal(|config| config.host = "unix:///nowhere.sock".into()).await;
    assert!(
        error.contains("docker.host is unix:///nowhere.sock"),
        "{error}"
    );
    let error = refusal(|config| config.host = "tcp://192.0.2.1:2375".into()).await;
    assert!(error.contains("docker.allow_remote"), "{error}");
    let error = refusal(|config| config.image = "assay-no-such-image:1".into()).await;
    assert!(
        error.contains("docker pull assay-no-such-image:1"),
        "{error}"
    );
    let error = refusal(|config| config.trainer = "/no-such-program".into()).await;
    assert!(error.contains("docker.trainer"), "{error}");
}

#[tokio::test]
async fn images_that_could_be_written_to_or_lie_are_refused() {
    let program = std::path::Path::new(HOSTILE);
    let writable = Image::of_program(program, &["VOLUME /data"]).unwrap();
    let error = refusal(|config| config.image = writable.name().into()).await;
    assert!(error.contains("VOLUME"), "{error}");
    let lying = Image::of_program(program, &["LABEL assay.trainer.sha256=00"]).unwrap();
    let error = refusal(|config| config.image = lying.name().into()).await;
    assert!(error.contains("says 00, but"), "{error}");
}
