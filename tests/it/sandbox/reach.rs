use std::{fs, process::Command};

use assay_platform::sandbox::{Ended, Limits, Mechanism, SandboxKind, collect};

use super::support::{HOSTILE, World, run_in, sandbox};

/// Every attempt was made and every one failed.
fn assert_all_refused(said: &[String], least: usize) {
    assert!(said.len() >= least, "{} attempts: {said:#?}", said.len());
    for line in said {
        assert!(line.starts_with("refused "), "{line}");
    }
}

async fn refused_under_both(attack: &str, least: usize) -> World {
    let world = World::new();
    let limits = Limits::default();
    let ran = world.run(attack, &limits).await;
    assert_eq!(ran.finished.ended, Ended::Exited(0), "{ran:?}");
    assert_all_refused(&ran.said(), least);
    let (said, end) = world.run_under_user(attack, &limits);
    assert_eq!(end["ended"], "Exited(0)", "{said:?}");
    assert_all_refused(&said, least);
    world
}

#[tokio::test]
async fn nothing_outside_can_be_read() {
    let world = refused_under_both("reads", 20).await;
    for secret in world.secrets() {
        assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
    }
}

#[tokio::test]
async fn no_socket_can_be_opened() {
    refused_under_both("sockets", 8).await;
}

#[tokio::test]
async fn no_call_leaves_the_room() {
    refused_under_both("calls", 45).await;
}

#[tokio::test]
async fn nothing_but_plain_files_in_the_output_can_be_written() {
    let world = refused_under_both("writes", 20).await;
    assert_eq!(fs::read_dir(world.outside()).unwrap().count(), 0);
    for secret in world.secrets() {
        assert_eq!(fs::read_to_string(secret).unwrap(), "secret");
    }

    let room = world.room("writes");
    run_in(&sandbox(), &room, &Limits::default()).await.unwrap();
    let found = collect(&room.output(), &Limits::default()).unwrap();
    let names: Vec<_> = found.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(
        fs::read_to_string(room.input().join("attack")).unwrap(),
        "writes"
    );
}

/// Without the sandbox the same attempts succeed: what is refused above is refused by the sandbox.
#[test]
fn without_the_sandbox_the_attacks_work() {
    let world = World::new();
    for (attack, prizes) in [
        (
            "reads",
            ["owner.key", "store/object", "assay.sqlite", "/etc/passwd"],
        ),
        (
            "sockets",
            ["connect to loopback", "unix", "abstract unix", "udp"],
        ),
    ] {
        let room = world.room(attack);
        let cwd = room.input().parent().unwrap().to_owned();
        let output = Command::new(HOSTILE).arg("train").current_dir(cwd).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        for prize in prizes {
            let taken = text
                .lines()
                .any(|line| line.contains("done ") && line.contains(prize));
            assert!(taken, "{prize}: {text}");
        }
    }
}

#[tokio::test]
async fn honest_work_goes_on_and_the_isolation_is_told() {
    let world = World::new();
    let room = world.room("honest");
    let ran = run_in(&sandbox(), &room, &Limits::default()).await.unwrap();
    assert!(ran.finished.succeeded(), "{ran:?}");
    let said = ran.said();
    for line in [
        "read input",
        "read hardware",
        "write output",
        "rename output",
        "remove output",
    ] {
        assert!(said.contains(&format!("done {line}")), "{said:?}");
    }
    assert_eq!(ran.number("threads"), 6);
    assert_eq!(ran.number("environment"), 0);
    assert_eq!(ran.number("open files"), 0);
    assert_ne!(ran.number("uid"), 0);

    let isolation = &ran.finished.isolation;
    let listed = isolation.held.len() + isolation.missing.len();
    let all = Mechanism::of(SandboxKind::Process).len();
    assert_eq!(listed, all, "{isolation:?}");
    for mechanism in [
        Mechanism::NoNewPrivs,
        Mechanism::UnprivilegedUser,
        Mechanism::Rlimits,
        Mechanism::LandlockFilesystem,
        Mechanism::Seccomp,
    ] {
        assert!(isolation.holds(mechanism), "{isolation:?}");
    }
    assert!(ran.finished.usage.cpu_user.is_some());

    let found = collect(&room.output(), &Limits::default()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name.as_str(), found[0].bytes),
        ("result", 100_000)
    );
}

#[test]
fn honest_work_goes_on_under_an_ordinary_user() {
    let world = World::new();
    let (said, end) = world.run_under_user("honest", &Limits::default());
    assert_eq!(end["ended"], "Exited(0)", "{said:?}");
    assert!(said.contains(&"done rename output".to_owned()), "{said:?}");
    assert!(said.contains(&"threads 6".to_owned()), "{said:?}");
    assert!(said.contains(&"open files 0".to_owned()), "{said:?}");
}
