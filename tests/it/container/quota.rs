//! The bound on the output folder: a file system of its own where the worker may mount one.

use std::fs;

use assay_platform::sandbox::{Ended, LimitHit, Limits, Mechanism, Sandbox, sweep_rooms};
use nix::{
    mount::{MsFlags, mount},
    unistd::geteuid,
};

use super::support::{config, container, image, open};
use crate::sandbox::support::{HOSTILE, World, run_in};

fn small() -> Limits {
    Limits {
        output_bytes: 8 << 20,
        output_files: 50,
        wall_seconds: 120,
        ..Limits::default()
    }
}

fn mounts(world: &World) -> usize {
    let rooms = world.rooms().canonicalize().unwrap();
    let rooms = rooms.to_str().unwrap();
    let all = fs::read_to_string("/proc/self/mounts").unwrap();
    all.lines().filter(|line| line.contains(rooms)).count()
}

#[tokio::test]
async fn every_way_of_filling_the_output_ends_at_the_limit() {
    let world = World::new();
    let sandbox = container(&world).await;
    for attack in ["one file", "many files", "hidden files", "sparse file"] {
        let room = world.room(attack);
        let ran = run_in(&sandbox, &room, &small()).await.unwrap();
        assert_eq!(
            ran.finished.ended,
            Ended::OverLimit(LimitHit::Output),
            "{attack}: {ran:?}"
        );
        let isolation = &ran.finished.isolation;
        let own = isolation.holds(Mechanism::OutputQuota);
        assert!(own || !geteuid().is_root(), "{isolation:?}");
        if own {
            assert_eq!(mounts(&world), 1);
            let blocks = nix::sys::statvfs::statvfs(&room.output()).unwrap();
            let room_for = blocks.blocks() * blocks.fragment_size();
            assert!(room_for <= (8 << 20) + (1 << 20) + 4096, "{room_for}");
        }
    }
    assert_eq!(mounts(&world), 0);
}

/// The engine has the folder elsewhere, where it does not see what the worker mounts.
#[tokio::test]
async fn without_a_file_system_of_its_own_the_folder_is_watched() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new();
    let elsewhere = world.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let bind = MsFlags::MS_BIND;
    mount(
        Some(&world.rooms()),
        &elsewhere,
        None::<&str>,
        bind,
        None::<&str>,
    )
    .unwrap();
    let private = MsFlags::MS_PRIVATE;
    mount(
        None::<&str>,
        &elsewhere,
        None::<&str>,
        private,
        None::<&str>,
    )
    .unwrap();
    let outcome = watched(&world, elsewhere.to_str().unwrap()).await;
    nix::mount::umount(&elsewhere).unwrap();
    outcome.unwrap();
}

async fn watched(world: &World, elsewhere: &str) -> anyhow::Result<()> {
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    config.rooms = elsewhere.to_owned();
    let sandbox = Sandbox::Docker(open(world, &config).await?);
    for attack in ["one file", "many files", "honest"] {
        let room = world.room(attack);
        let ran = run_in(&sandbox, &room, &small()).await?;
        let over = Ended::OverLimit(LimitHit::Output);
        let wanted = if attack == "honest" {
            Ended::Exited(0)
        } else {
            over
        };
        anyhow::ensure!(ran.finished.ended == wanted, "{attack}: {ran:?}");
        let missing = &ran.finished.isolation.missing;
        anyhow::ensure!(missing.len() == 1, "{missing:?}");
        anyhow::ensure!(
            missing[0].mechanism == Mechanism::OutputQuota,
            "{missing:?}"
        );
        anyhow::ensure!(missing[0].reason.contains("every 50 ms"), "{missing:?}");
    }
    Ok(())
}

#[tokio::test]
async fn rooms_that_the_engine_does_not_have_are_refused() {
    let world = World::new();
    let image = world.keep(image(HOSTILE));
    let mut config = config(&image);
    config.rooms = "/nowhere/on/that/machine".to_owned();
    let error = open(&world, &config).await.unwrap_err().to_string();
    assert!(error.contains("docker.rooms"), "{error}");
}

#[tokio::test]
async fn a_mount_that_a_killed_process_left_goes_with_its_room() {
    if !geteuid().is_root() {
        return;
    }
    let world = World::new();
    let left = world.rooms().join("room-9");
    fs::create_dir_all(left.join("out")).unwrap();
    let flags = MsFlags::empty();
    mount(
        Some("left"),
        &left.join("out"),
        Some("tmpfs"),
        flags,
        Some("size=64k"),
    )
    .unwrap();
    fs::write(left.join("out/x"), "x").unwrap();
    assert_eq!(sweep_rooms(&world.rooms()).unwrap(), 1);
    assert_eq!(mounts(&world), 0);
}
