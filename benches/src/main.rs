//! Benchmarks: each prints what it measured and a ratio to something measured in the same run.
//!
//! Build everything first (`cargo build --release --workspace`), then `target/release/assay-benches NAME`.

mod burst;
mod data;
mod hash;
mod memory;
mod model;
mod queue;
mod server;
mod status;
mod store;
mod submit;
mod training;
mod verify;

use clap::{Parser, Subcommand};

/// Measures Assay. Each figure comes with the command that it is compared with, run on the same machine.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// From handing in to signed: a table of 1,000 × 13, 5 epochs, one job after the other.
    Submit {
        /// Jobs.
        #[arg(long, default_value_t = 20)]
        jobs: u32,
    },
    /// Jobs that are handed in at once to one worker: how many a minute.
    Burst {
        /// Jobs.
        #[arg(long, default_value_t = 20)]
        jobs: u32,
        /// Where they train.
        #[arg(long, value_enum, default_value_t = burst::Rooms::Process)]
        sandbox: burst::Rooms,
    },
    /// `GET /job_status`: requests a second over 1,000 jobs.
    Status {
        /// Connections kept open.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Seconds to measure.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// `POST /verify_bom_and_link`.
    Verify {
        /// Requests.
        #[arg(long, default_value_t = 200)]
        requests: u32,
    },
    /// Hashing a file once, against `openssl dgst -sha256`.
    Hash {
        /// Size in MiB.
        #[arg(long, default_value_t = 1024)]
        mib: u64,
    },
    /// Model signatures and digests, against `openssl dgst -sha256` and safemodels.
    Model {
        /// Size in MiB.
        #[arg(long, default_value_t = 1024)]
        mib: u64,
        /// A Python that has safetensors, numpy and tqdm; the variable SAFEMODELS names safemodels' folder.
        #[arg(long)]
        python: Option<std::path::PathBuf>,
    },
    /// Memory of the server: idle, and while 2 GB are handed in.
    Memory {
        /// Size of the upload in MB.
        #[arg(long, default_value_t = 2000)]
        megabytes: u64,
    },
    /// What queue and database cost a job: RabbitMQ and PostgreSQL, a training that takes no time.
    Queue {
        /// Jobs measured in each part.
        #[arg(long, default_value_t = 3000)]
        jobs: usize,
        /// Jobs that wait behind them in the last part.
        #[arg(long, default_value_t = 100_000)]
        backlog: usize,
        /// Jobs worked on at a time.
        #[arg(long, default_value_t = 16)]
        slots: usize,
    },
    /// Bytes into an S3 server (SeaweedFS, started here) and out of it, against curl; and the memory that takes.
    Store {
        /// Size in MiB.
        #[arg(long, default_value_t = 1024)]
        mib: u64,
    },
    /// Training a table (1,000 × 13) and images (5,000 × 28 × 28 × 3), against Keras when a Python with it is named.
    Training {
        /// A Python that has Keras and TensorFlow.
        #[arg(long)]
        keras: Option<std::path::PathBuf>,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().bench {
        Bench::Submit { jobs } => submit::run(jobs),
        Bench::Burst { jobs, sandbox } => burst::run(jobs, sandbox),
        Bench::Status {
            connections,
            seconds,
        } => status::run(connections, seconds),
        Bench::Verify { requests } => verify::run(requests),
        Bench::Hash { mib } => hash::run(mib),
        Bench::Model { mib, python } => model::run(mib, python),
        Bench::Memory { megabytes } => memory::run(megabytes),
        Bench::Queue {
            jobs,
            backlog,
            slots,
        } => queue::run(queue::Load {
            jobs,
            backlog,
            slots,
        }),
        Bench::Store { mib } => store::run(mib),
        Bench::Training { keras } => training::run(keras),
    }
}

/// Prints one line of a result.
#[expect(
    clippy::print_stdout,
    reason = "a benchmark's result is what it prints"
)]
fn print(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
}

/// The middle of some durations, in milliseconds, and the slowest hundredth.
fn summary(times: &mut [std::time::Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: f64| {
        let index = ((times.len().saturating_sub(1)) as f64 * share).round() as usize;
        times
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    (at(0.5), at(0.99))
}
