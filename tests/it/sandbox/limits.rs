use std::time::{Duration, Instant};

use assay_platform::sandbox::{Ended, LimitHit, Limits};
use assay_protocol::Event;

use super::support::{Ran, World};

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

async fn run(attack: &str, limits: &Limits) -> Ran {
    World::new().run(attack, limits).await
}

async fn assert_over(attack: &str, hit: LimitHit) {
    let ran = run(attack, &small()).await;
    assert_eq!(
        ran.finished.ended,
        Ended::OverLimit(hit),
        "{attack}: {ran:?}"
    );
    assert!(!ran.finished.succeeded());
}

#[tokio::test]
async fn memory() {
    assert_over("memory", LimitHit::Memory).await;
    let shared = run("shared memory", &small()).await;
    assert!(shared.number("mapped") < 256, "{shared:?}");
}

#[tokio::test]
async fn threads_and_processes() {
    let threads = run("threads", &small()).await;
    assert!((1..32).contains(&threads.number("threads")), "{threads:?}");
    let processes = run("processes", &small()).await;
    assert_eq!(processes.number("processes"), 0, "{processes:?}");
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
        let ran = run(attack, &limits).await;
        assert_eq!(
            ran.finished.ended,
            Ended::OverLimit(LimitHit::Wall),
            "{ran:?}"
        );
        assert!(started.elapsed() < Duration::from_secs(10));
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
    let ran = run("forge", &small()).await;
    assert!(
        matches!(ran.events.first(), Some(Event::Done { .. })),
        "{ran:?}"
    );
    assert_eq!(ran.finished.ended, Ended::Exited(3));
    assert!(!ran.finished.succeeded());
    assert_eq!(ran.finished.garbage_lines, 2);
    assert!(!ran.finished.isolation.held.is_empty());

    let crashed = run("crash", &small()).await;
    assert_eq!(crashed.finished.ended, Ended::Crashed(libc::SIGABRT));
}
