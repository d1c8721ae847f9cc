use std::time::{Duration, Instant};

use assay_platform::sandbox::{Ended, LimitHit, Limits};
use assay_protocol::Event;

use super::support::{Ran, World, run_in, sandboxes};

/// Limits small enough to be reached in a moment.
fn small() -> Limits {
    Limits {
        memory_bytes: 256 << 20,
        cpu_seconds: 1,
        wall_seconds: 20,
        output_bytes: 8 << 20,
        output_files: 50,
        printed_bytes: 4 << 20,
        open_files: 64,
        threads: 32,
    }
}

/// Runs an attack in every kind of sandbox.
async fn run(attack: &str, limits: &Limits) -> Vec<Ran> {
    let world = World::new();
    let mut all = Vec::new();
    for sandbox in sandboxes(&world).await {
        let room = world.room(attack);
        all.push(run_in(&sandbox, &room, limits).await.unwrap());
    }
    all
}

async fn assert_over(attack: &str, hit: LimitHit) {
    for ran in run(attack, &small()).await {
        assert_eq!(
            ran.finished.ended,
            Ended::OverLimit(hit),
            "{attack}: {ran:?}"
        );
        assert!(!ran.finished.succeeded());
    }
}

#[tokio::test]
async fn memory() {
    assert_over("memory", LimitHit::Memory).await;
    for ran in run("shared memory", &small()).await {
        // A child process is refused more; a container is killed.
        let refused = ran.finished.succeeded() && ran.number("mapped") < 256;
        let killed = ran.finished.ended == Ended::OverLimit(LimitHit::Memory);
        assert!(refused || killed, "{ran:?}");
    }
}

#[tokio::test]
async fn threads_and_processes() {
    for ran in run("threads", &small()).await {
        assert!((1..32).contains(&ran.number("threads")), "{ran:?}");
    }
    for ran in run("processes", &small()).await {
        assert_eq!(ran.number("processes"), 0, "{ran:?}");
    }
}

#[test]
fn threads_under_an_ordinary_user() {
    let (said, end) = World::new().run_under_user("threads", &small());
    let held = end["isolation"]["held"].to_string();
    if held.contains("network-namespace") {
        let made = said.iter().find_map(|line| line.strip_prefix("threads "));
        let made: u64 = made.unwrap().parse().unwrap();
        assert!((1..32).contains(&made), "{made}");
    }
}

#[tokio::test]
async fn disk() {
    assert_over("one file", LimitHit::Output).await;
    assert_over("many files", LimitHit::Output).await;
    assert_over("hidden files", LimitHit::Output).await;
}

#[tokio::test]
async fn processor_time() {
    assert_over("spin", LimitHit::Cpu).await;
    assert_over("stubborn", LimitHit::Cpu).await;
}

#[tokio::test]
async fn the_clock() {
    let limits = Limits {
        wall_seconds: 1,
        ..small()
    };
    for attack in ["sleep", "leaderless"] {
        let started = Instant::now();
        for ran in run(attack, &limits).await {
            assert_eq!(
                ran.finished.ended,
                Ended::OverLimit(LimitHit::Wall),
                "{ran:?}"
            );
        }
        assert!(started.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn printing() {
    assert_over("flood", LimitHit::Printed).await;
    assert_over("flood errors", LimitHit::Printed).await;
    assert_over("endless line", LimitHit::Printed).await;
}

#[test]
fn the_limits_hold_under_an_ordinary_user() {
    for (attack, ended) in [
        ("memory", "OverLimit(Memory)"),
        ("one file", "OverLimit(Output)"),
        ("hidden files", "OverLimit(Output)"),
        ("stubborn", "OverLimit(Cpu)"),
    ] {
        let (_, end) = World::new().run_under_user(attack, &small());
        assert_eq!(end["ended"], ended, "{attack}");
    }
    let short = Limits {
        wall_seconds: 1,
        ..small()
    };
    let (_, end) = World::new().run_under_user("sleep", &short);
    assert_eq!(end["ended"], "OverLimit(Wall)");
}

#[tokio::test]
async fn a_forged_success_is_no_success() {
    for ran in run("forge", &small()).await {
        assert!(
            matches!(ran.events.first(), Some(Event::Done { .. })),
            "{ran:?}"
        );
        assert_eq!(ran.finished.ended, Ended::Exited(3));
        assert!(!ran.finished.succeeded());
        assert_eq!(ran.finished.garbage_lines, 2);
        assert!(!ran.finished.isolation.held.is_empty());
    }
    for ran in run("crash", &small()).await {
        // The first process of a container cannot abort; the C library then makes it fault.
        let signals = [libc::SIGABRT, libc::SIGSEGV].map(Ended::Crashed);
        assert!(signals.contains(&ran.finished.ended), "{ran:?}");
    }
}
