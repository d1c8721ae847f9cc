//! From handing in to signed.

use std::time::{Duration, Instant};

use crate::{
    data, print,
    server::{Server, http, submit, wait},
    summary,
};

pub(crate) fn run(jobs: u32) -> anyhow::Result<()> {
    let inputs = data::table()?;
    let server = Server::start()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let http = http()?;
        let mut whole = Vec::new();
        let mut accepted = Vec::new();
        let mut trained = Vec::new();
        let mut proved = Vec::new();
        for _ in 0..jobs {
            let begun = Instant::now();
            let job = submit(&http, &server.url, &inputs, &[("epochs", "5")]).await?;
            accepted.push(begun.elapsed());
            let job = wait(&http, &server.url, &job).await?;
            whole.push(begun.elapsed());
            let part = |name: &str| {
                Duration::from_secs_f64(job["timings"][name].as_f64().unwrap_or(0.0) / 1e3)
            };
            trained.push(part("train_ms"));
            proved.push(part("proof_ms"));
        }
        for (name, times) in [
            ("submit → signed", &mut whole),
            (
                "  submit (upload, check in the sandbox, sign ingest)",
                &mut accepted,
            ),
            ("  training in the sandbox", &mut trained),
            ("  proof phase", &mut proved),
        ] {
            let (median, slowest) = summary(times);
            print(format!(
                "{name}: median {median:.1} ms, p99 {slowest:.1} ms ({jobs} jobs)"
            ));
        }
        Ok(())
    })
}
