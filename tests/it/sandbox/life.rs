use std::{
    fs,
    io::{BufRead, BufReader},
    process::Command as Process,
    time::{Duration, Instant},
};

use assay_platform::sandbox::{
    Ended, Limits, Mechanism, ProcessSandbox, Program, Sandbox, SandboxError, sweep_rooms,
};
use assay_protocol::Event;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::support::{HOSTILE, TRAIN, World, sandbox};

/// Waits until a process is gone, or dead and only waiting to be reaped.
fn assert_ends(pid: i32) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return;
        };
        if stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
        {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "process {pid} is still there: {stat}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn pid_in(message: &str) -> i32 {
    message.strip_prefix("pid ").unwrap().parse().unwrap()
}

async fn first_pid(events: &mut mpsc::Receiver<Event>) -> i32 {
    match events.recv().await {
        Some(Event::Log { message, .. }) => pid_in(&message),
        other => panic!("not what the sleeper says: {other:?}"),
    }
}

#[tokio::test]
async fn cancelling_kills_even_when_nobody_reads_the_events() {
    let world = World::new();
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(1);
    let (cancel, cancelled) = oneshot::channel::<()>();
    let (sandbox, limits) = (sandbox(), Limits::default());
    let run = sandbox.run(&room, TRAIN, &limits, sender, async {
        let _ = cancelled.await;
    });
    let (finished, pid) = tokio::join!(run, async {
        let pid = first_pid(&mut events).await;
        cancel.send(()).unwrap();
        pid
    });
    assert_eq!(finished.unwrap().ended, Ended::Cancelled);
    assert!(!fs::exists(format!("/proc/{pid}")).unwrap(), "not reaped");
}

#[tokio::test]
async fn dropping_the_run_kills() {
    let world = World::new();
    let room = world.room("sleep");
    let (sender, mut events) = mpsc::channel(1);
    let (sandbox, limits) = (sandbox(), Limits::default());
    let pid = {
        let run = sandbox.run(&room, TRAIN, &limits, sender, std::future::pending());
        tokio::select! {
            ended = run => panic!("{ended:?}"),
            pid = first_pid(&mut events) => pid,
        }
    };
    assert_ends(pid);
}

#[test]
fn the_trainer_dies_with_a_killed_server() {
    let world = World::new();
    let mut own = Process::new(HOSTILE);
    own.args([
        "server".as_ref(),
        world.rooms().as_os_str(),
        "sleep".as_ref(),
    ])
    .arg(world.targets().to_string())
    .arg(serde_json::to_string(&Limits::default()).unwrap())
    .stdout(std::process::Stdio::piped());
    // Once as the user of the tests, once as an ordinary one.
    for mut server in [own, world.server("sleep", &Limits::default())] {
        let mut server = server.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let pid = pid_in(event["message"].as_str().unwrap());
        assert!(fs::exists(format!("/proc/{pid}")).unwrap());
        server.kill().unwrap();
        server.wait().unwrap();
        assert_ends(pid);
    }
    assert_eq!(sweep_rooms(&world.rooms()).unwrap(), 2);
}

#[tokio::test]
async fn a_probe_tells_what_this_machine_gives() {
    let world = World::new();
    let isolation = sandbox().probe(&world.rooms(), &Limits::default()).await;
    let isolation = isolation.unwrap();
    assert!(isolation.holds(Mechanism::Seccomp), "{isolation:?}");
    assert_eq!(fs::read_dir(world.rooms()).unwrap().count(), 0);
}

/// A program that answers as a launcher would, whatever it is asked.
fn answering(report: &str) -> Sandbox {
    Sandbox::Process(ProcessSandbox {
        launcher: Program {
            path: "/usr/bin/printf".into(),
            // The two arguments that the sandbox appends are printed with no width.
            args: vec![format!("{report}\n%.0s%.0s")],
        },
        trainer: Program::this([""; 0]),
        allow_missing: Default::default(),
    })
}

#[tokio::test]
async fn a_refusal_names_the_mechanism_and_the_reason() {
    let world = World::new();
    let run = async |sandbox: Sandbox| {
        let room = world.room("honest");
        let (sender, _events) = mpsc::channel(1);
        sandbox
            .run(
                &room,
                TRAIN,
                &Limits::default(),
                sender,
                std::future::pending(),
            )
            .await
            .unwrap_err()
    };
    let refusal =
        json!({"refused": {"mechanism": "landlock-filesystem", "reason": "not built in"}});
    let error = run(answering(&refusal.to_string())).await;
    assert!(matches!(
        error,
        SandboxError::Unavailable {
            mechanism: Mechanism::LandlockFilesystem,
            ..
        }
    ));
    assert!(error.to_string().contains("not built in"), "{error}");
    assert!(matches!(
        run(answering("hello")).await,
        SandboxError::Launch(_)
    ));
}

/// The launcher itself, told to stay root, will not start the trainer.
#[test]
fn a_missing_mechanism_keeps_the_trainer_from_starting() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let world = World::new();
    let room = world.room("honest");
    let spec = |allow: Value| {
        json!({
            "server": std::process::id(),
            "room": room.input().parent().unwrap(),
            "user": null,
            "user_is_own": false,
            "trainer": {"path": HOSTILE, "args": []},
            "probe": false,
            "limits": Limits::default(),
            "allow_missing": allow,
        })
    };
    let enter = |spec: Value| {
        let spec = spec.to_string();
        let output = Process::new(HOSTILE).args(["__enter-room", &spec]).output();
        let output = output.unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, said) = enter(spec(json!(["network-namespace"])));
    assert_eq!(code, Some(69));
    assert!(
        said.starts_with("{\"refused\":{\"mechanism\":\"unprivileged-user\""),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");

    let (code, said) = enter(spec(json!(["network-namespace", "unprivileged-user"])));
    assert_eq!(code, Some(0));
    assert!(said.contains("the process still runs as root"), "{said}");
    assert!(said.contains("done read input"), "{said}");
}
