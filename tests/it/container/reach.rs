//! What a trainer in a container can reach.

use assay_platform::sandbox::{
    Ended, Limits, Mechanism, Sandbox, SandboxKind, SeccompProfile, collect,
};
use assay_test_parts::names;

use super::support::{config, container, image, open};
use crate::sandbox::support::{HOSTILE, Ran, World, run_in};

async fn run(world: &World, sandbox: &Sandbox, attack: &str) -> Ran {
    let room = world.room(attack);
    let ran = run_in(sandbox, &room, &Limits::default()).await.unwrap();
    assert_eq!(ran.finished.ended, Ended::Exited(0), "{ran:?}");
    ran
}

/// With the engine's own list of system calls, as for a graphics processor: the weaker of the two.
async fn loose(world: &World) -> Sandbox {
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    config.seccomp = SeccompProfile::Engine;
    Sandbox::Docker(open(world, &config).await.unwrap())
}

#[tokio::test]
async fn nothing_of_the_machine_can_be_read() {
    let world = World::new();
    let socket = names::of(names::DOCKER).unwrap();
    let socket = socket.strip_prefix("unix://").unwrap().to_owned();
    // The container's own, in which there is nothing of anybody else's.
    let own = [
        "/proc/self/environ",
        "/proc/self/mem",
        "/proc/1/environ",
        "/dev/null",
        "/dev/urandom",
        "../../",
        "/",
        "/etc/hostname",
    ];
    for sandbox in [container(&world).await, loose(&world).await] {
        let said = run(&world, &sandbox, "reads").await.said();
        assert!(said.len() >= 20, "{said:?}");
        for line in said {
            if let Some(path) = line.strip_prefix("done read ") {
                assert!(own.contains(&path), "{line}");
            }
        }
        let ran = run(&world, &sandbox, &format!("reach {socket}")).await;
        assert!(
            ran.said().iter().all(|line| line.starts_with("refused ")),
            "{ran:?}"
        );
        assert!(ran.said().len() >= 4, "{ran:?}");
    }
}

#[tokio::test]
async fn no_other_machine_and_no_socket_of_this_one() {
    let world = World::new();
    let said = run(&world, &container(&world).await, "sockets")
        .await
        .said();
    assert!(
        said.len() >= 8 && said.iter().all(|line| line.starts_with("refused ")),
        "{said:?}"
    );

    let said = run(&world, &loose(&world).await, "sockets").await.said();
    for what in [
        "connect to loopback",
        "connect afar",
        "unix",
        "abstract unix",
    ] {
        let refused = format!("refused {what}:");
        assert!(
            said.iter().any(|line| line.starts_with(&refused)),
            "{what}: {said:?}"
        );
    }
}

#[tokio::test]
async fn no_call_leaves_the_container() {
    let world = World::new();
    let said = run(&world, &container(&world).await, "calls").await.said();
    assert!(said.len() >= 45, "{said:?}");
    for line in said {
        assert!(line.starts_with("refused "), "{line}");
    }
}

#[tokio::test]
async fn only_the_output_folder_can_be_written() {
    let world = World::new();
    for sandbox in [container(&world).await, loose(&world).await] {
        let room = world.room("writes");
        let ran = run_in(&sandbox, &room, &Limits::default()).await.unwrap();
        // What lies in the output folder in the end is looked at below.
        let inside = [
            "symbolic link",
            "link twice",
            "folder",
            "unix socket",
            "file without a name",
        ];
        for line in ran.said() {
            let done = line.strip_prefix("done ");
            assert!(done.is_none_or(|what| inside.contains(&what)), "{line}");
        }
        assert_eq!(std::fs::read_dir(world.outside()).unwrap().count(), 0);
        for secret in world.secrets() {
            assert_eq!(std::fs::read_to_string(secret).unwrap(), "secret");
        }
        let input = room.input().join("attack");
        assert_eq!(std::fs::read_to_string(input).unwrap(), "writes");
        let left = std::fs::read_dir(room.output()).unwrap().count();
        let plain = collect(&room.output(), &Limits::default());
        assert!(plain.is_err() || left == 1, "{plain:?}");
    }
}

#[tokio::test]
async fn honest_work_goes_on_and_the_isolation_is_told() {
    let world = World::new();
    let sandbox = container(&world).await;
    let room = world.room("honest");
    let ran = run_in(&sandbox, &room, &Limits::default()).await.unwrap();
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
    assert_eq!(ran.number("open files"), 0);
    assert_ne!(ran.number("uid"), 0);
    let found = collect(&room.output(), &Limits::default()).unwrap();
    assert_eq!(
        (found[0].name.as_str(), found[0].bytes),
        ("result", 100_000)
    );

    let isolation = &ran.finished.isolation;
    let all = Mechanism::of(SandboxKind::Docker);
    assert_eq!(isolation.held.len() + isolation.missing.len(), all.len());
    for mechanism in all.iter().filter(|one| **one != Mechanism::OutputQuota) {
        assert!(isolation.holds(*mechanism), "{mechanism}: {isolation:?}");
    }
    let container = isolation.container.as_ref().unwrap();
    let image = image(HOSTILE);
    assert_eq!(container.image, image.name());
    assert_eq!(container.image_digest, image.id().unwrap());
    assert_eq!(container.id.len(), 64);

    let Sandbox::Docker(docker) = &sandbox else {
        unreachable!()
    };
    let program = assay_attest::Digest::of(&std::fs::read(HOSTILE).unwrap());
    assert_eq!(docker.trainer(), program);
    let probed = sandbox
        .probe(&world.rooms(), &Limits::default())
        .await
        .unwrap();
    for (probed, ran) in probed.held.iter().zip(&isolation.held) {
        let of_room = probed.mechanism == Mechanism::UnprivilegedUser;
        assert!(probed == ran || of_room, "{probed:?} {ran:?}");
    }
    assert_eq!(probed.held.len(), isolation.held.len());
}

#[tokio::test]
async fn a_fork_bomb_ends_at_the_bound() {
    let world = World::new();
    let limits = Limits {
        threads: 32,
        wall_seconds: 60,
        ..Limits::default()
    };
    let sandbox = loose(&world).await;
    let room = world.room("processes");
    let ran = run_in(&sandbox, &room, &limits).await.unwrap();
    assert!((1..32).contains(&ran.number("processes")), "{ran:?}");
    // The worker goes on as before.
    run(&world, &sandbox, "honest").await;
}
