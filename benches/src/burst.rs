//! Jobs that wait in the queue when their worker comes to them: how many a minute.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use assay_test_parts::{Docker, Image};
use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join_all, stream};

use crate::{
    data, print,
    server::{Server, beside_us, http, submit, wait},
};

/// Requests at a time that hand jobs in.
const CLIENTS: usize = 4;

/// What the run asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rooms {
    /// A restricted child process for each job.
    Process,
    /// A container for each job, in a Docker engine that is started for this run. Only root can.
    Docker,
}

pub(crate) fn run(jobs: u32, rooms: Rooms) -> anyhow::Result<()> {
    let inputs = data::table()?;
    // They must outlive the server.
    let mut parts = None;
    let mut settings = HashMap::new();
    if rooms == Rooms::Docker {
        let engine = Docker::start()?;
        let image = Image::of_program_on(&engine.url(), &beside_us("assay-trainer")?, &[])?;
        settings.insert("ASSAY__SANDBOX__KIND", "docker".to_owned());
        settings.insert("ASSAY__DOCKER__HOST", engine.url());
        settings.insert("ASSAY__DOCKER__IMAGE", image.name().to_owned());
        parts = Some((image, engine));
    }
    let server = Server::start_with(&settings)?;
    let spent = tokio::runtime::Runtime::new()?.block_on(async {
        let http = http()?;
        // The first job of a server pays for what is loaded once.
        let first = submit(&http, &server.url, &inputs, &[("epochs", "5")]).await?;
        wait(&http, &server.url, &first).await?;
        let begun = Instant::now();
        let hand_in = (0..jobs).map(|_| submit(&http, &server.url, &inputs, &[("epochs", "5")]));
        let accepted: Vec<String> = stream::iter(hand_in)
            .buffered(CLIENTS)
            .try_collect()
            .await?;
        try_join_all(accepted.iter().map(|job| wait(&http, &server.url, job))).await?;
        anyhow::Ok(begun.elapsed())
    })?;
    drop(server);
    drop(parts);
    print(format!(
        "{jobs} jobs handed in at once, one worker, {rooms:?}: {:.2} s, {:.0} jobs/min",
        spent.as_secs_f64(),
        per_minute(jobs, spent)
    ));
    Ok(())
}

fn per_minute(jobs: u32, spent: Duration) -> f64 {
    f64::from(jobs) * 60.0 / spent.as_secs_f64()
}
