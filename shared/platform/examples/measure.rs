//! What the database and the store cost on this machine: `cargo run --release -p assay-platform --example measure`.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::time::{Duration, Instant};

use assay_attest::Digest;
use assay_platform::{
    Config, Platform,
    db::Cancelled,
    ids::{JobId, UniqueDir},
    job::{Artifact, Class, NewJob, Priority, Role},
};
use assay_protocol::{AibomVersion, Framework, JobRequest, Metadata, Parameters};
use time::OffsetDateTime;

const JOBS: usize = 1000;
const CALLERS: usize = 16;
const CALLS: usize = 5000;
const LEASE: Duration = Duration::from_secs(60);

fn job() -> NewJob {
    let (id, unique_dir) = (JobId::new(), UniqueDir::new());
    let artifact = |name: &str| Artifact {
        path: format!("{unique_dir}/inputs/{name}"),
        role: Role::Model,
        digest: Digest::of(name.as_bytes()),
        bytes: 1,
    };
    NewJob {
        id,
        unique_dir,
        request: JobRequest {
            framework: Framework::Candle,
            metadata: Metadata::default(),
            parameters: Parameters::default(),
            aibom: AibomVersion::default(),
        },
        class: Class::Cpu,
        priority: Priority::Normal,
        traceparent: None,
        submitted_at: OffsetDateTime::now_utc(),
        artifacts: ["a", "b", "c", "d", "e", "f"].map(artifact).into(),
    }
}

fn each(what: &str, begun: Instant, count: usize) {
    let micros = begun.elapsed().as_secs_f64() * 1e6 / count as f64;
    println!("{what:<44} {micros:>9.1} µs each, {:>8.0}/s", 1e6 / micros);
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let digits = line.map(|line| {
        line.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    });
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let base = tempfile::tempdir()?;
    let platform = Platform::open(Config::in_dir(base.path().join("data"))?).await?;
    let jobs: Vec<NewJob> = (0..JOBS).map(|_| job()).collect();
    writes(&platform, &jobs).await?;
    for callers in [1, CALLERS] {
        statuses(&platform, &jobs, callers).await?;
    }
    objects(&platform).await?;
    large_object(&platform).await
}

async fn writes(platform: &Platform, jobs: &[NewJob]) -> anyhow::Result<()> {
    let begun = Instant::now();
    for job in jobs {
        platform.db.insert_job(job).await?;
    }
    each("insert_job, one after the other", begun, JOBS);
    let begun = Instant::now();
    for job in jobs.iter().take(200) {
        platform.db.claim(job.id, "w", LEASE).await?;
    }
    each("claim", begun, 200);
    let begun = Instant::now();
    for job in jobs.iter().take(200) {
        platform.db.heartbeat(job.id, 1, LEASE).await?;
    }
    each("heartbeat", begun, 200);
    let begun = Instant::now();
    for _ in 0..200 {
        platform.db.counts().await?;
    }
    each("counts", begun, 200);
    for job in jobs.iter().skip(700) {
        assert_eq!(platform.db.cancel(job.id).await?, Cancelled::AtOnce);
    }
    Ok(())
}

async fn statuses(platform: &Platform, jobs: &[NewJob], callers: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let db = platform.db.clone();
            let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
            tokio::spawn(async move {
                for call in 0..CALLS {
                    let id = ids[(call * 7 + caller * 131) % JOBS];
                    assert!(db.status(id).await.is_ok_and(|row| row.is_some()));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await?;
    }
    each(
        &format!("status, {callers} callers"),
        begun,
        callers * CALLS,
    );
    Ok(())
}

async fn objects(platform: &Platform) -> anyhow::Result<()> {
    let begun = Instant::now();
    for count in 0..200_u32 {
        platform.store.put_bytes(&count.to_le_bytes()).await?;
    }
    each("put_bytes of 4 new bytes, durable", begun, 200);
    let begun = Instant::now();
    for round in 1..=20_u64 {
        let data: Vec<_> = (0..10_u64)
            .map(|count| (round << 32 | count).to_le_bytes())
            .collect();
        let puts = data.iter().map(|data| platform.store.put_bytes(data));
        futures_util::future::try_join_all(puts).await?;
    }
    each("the same, ten at a time", begun, 200);
    Ok(())
}

async fn large_object(platform: &Platform) -> anyhow::Result<()> {
    let before = peak_kib();
    let chunk = bytes::Bytes::from(vec![7; 64 << 10]);
    let begun = Instant::now();
    let mut upload = platform.store.upload(u64::MAX).await?;
    for _ in 0..(1 << 30) / chunk.len() {
        upload.write(chunk.clone()).await?;
    }
    let stored = upload.finish().await?;
    let (seconds, grown) = (begun.elapsed().as_secs_f64(), peak_kib() - before);
    println!("upload of 1 GiB: {seconds:.2} s, peak memory grew by {grown} KiB");
    let begun = Instant::now();
    platform.store.verify(stored.digest).await?;
    println!("verify of 1 GiB: {:.2} s", begun.elapsed().as_secs_f64());
    Ok(())
}
