//! No container stays that nobody minds, and none is taken away from those who do.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use assay_platform::sandbox::{Ended, Limits, Sandbox};
use assay_protocol::Event;
use tokio::sync::{mpsc, oneshot};

use super::support::{config, container, containers, engine, image, open, until_containers};
use crate::sandbox::support::{HOSTILE, TRAIN, World, run_in};

async fn first_event(events: &mut mpsc::Receiver<Event>) {
    assert!(matches!(events.recv().await, Some(Event::Log { .. })));
}

#[tokio::test]
async fn cancelling_ends_the_container_even_when_nobody_reads_the_events() {
    let world = World::new();
    let sandbox = container(&world).await;
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(1);
    let (cancel, cancelled) = oneshot::channel::<()>();
    let limits = Limits::default();
    let run = sandbox.run(&room, TRAIN, &limits, sender, async {
        let _ = cancelled.await;
    });
    let (finished, ()) = tokio::join!(run, async {
        first_event(&mut events).await;
        cancel.send(()).unwrap();
    });
    assert_eq!(finished.unwrap().ended, Ended::Cancelled);
    assert_eq!(containers(&world.rooms()).await.len(), 0);
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_began_starts_nothing() {
    let world = World::new();
    let sandbox = container(&world).await;
    let room = world.room("honest");
    let (sender, mut events) = mpsc::channel(64);
    let limits = Limits::default();
    let run = sandbox.run(&room, TRAIN, &limits, sender, std::future::ready(()));
    assert_eq!(run.await.unwrap().ended, Ended::Cancelled);
    assert!(events.recv().await.is_none());
    until_containers(&world.rooms(), 0).await;
}

#[tokio::test]
async fn dropping_the_run_ends_the_container() {
    let world = World::new();
    let sandbox = container(&world).await;
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(1);
    let limits = Limits::default();
    {
        let run = sandbox.run(&room, TRAIN, &limits, sender, std::future::pending());
        tokio::select! {
            ended = run => panic!("{ended:?}"),
            () = first_event(&mut events) => {}
        }
    }
    until_containers(&world.rooms(), 0).await;
}

#[tokio::test]
async fn what_a_killed_process_left_goes_when_the_next_one_starts() {
    let world = World::new();
    let image = world.keep(image(HOSTILE));
    let mut server = world.server("sleep", &Limits::default());
    let docker = serde_json::to_string(&config(&image)).unwrap();
    // As the tests' own user, who may speak to the engine.
    let mut own = std::process::Command::new(server.get_program());
    own.args(server.get_args()).arg(docker);
    server = own;
    let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = server.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    assert!(line.contains("pid "), "{line}");
    assert_eq!(containers(&world.rooms()).await.len(), 1);

    // It lives, and so does its container: another process over the same rooms leaves it alone.
    open(&world, &config(&image)).await.unwrap();
    assert_eq!(containers(&world.rooms()).await.len(), 1);

    server.kill().unwrap();
    server.wait().unwrap();
    open(&world, &config(&image)).await.unwrap();
    assert_eq!(containers(&world.rooms()).await.len(), 0);
}

#[tokio::test]
async fn somebody_elses_hand_is_seen_as_a_crash_and_leaves_the_worker_well() {
    let world = World::new();
    let sandbox = container(&world).await;
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(8);
    let limits = Limits::default();
    let run = sandbox.run(&room, TRAIN, &limits, sender, std::future::pending());
    let (finished, ()) = tokio::join!(run, async {
        first_event(&mut events).await;
        let all = containers(&world.rooms()).await;
        engine().kill_container(&all[0], None).await.unwrap();
    });
    assert_eq!(finished.unwrap().ended, Ended::Crashed(9));

    let room = world.room("honest");
    let ran = run_in(&sandbox, &room, &limits).await.unwrap();
    assert!(ran.finished.succeeded(), "{ran:?}");
    assert_eq!(containers(&world.rooms()).await.len(), 0);
}

#[tokio::test]
async fn many_at_once_do_not_disturb_each_other_and_leave_nothing() {
    let world = World::new();
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    // Sweeping all the while.
    config.sweep_seconds = 1;
    let sandbox = Sandbox::Docker(open(&world, &config).await.unwrap());
    let limits = Limits::default();
    let one = async || {
        let room = world.room("honest");
        run_in(&sandbox, &room, &limits).await.unwrap()
    };
    for _ in 0..3 {
        let (a, b, c) = tokio::join!(one(), one(), one());
        for ran in [a, b, c] {
            assert!(ran.finished.succeeded(), "{ran:?}");
        }
    }
    assert_eq!(containers(&world.rooms()).await.len(), 0);
    assert_eq!(std::fs::read_dir(world.rooms()).unwrap().count(), 0);
}
