//! `assay demo`: the whole way of two jobs on real data, from nothing to a refused forgery.

mod forgery;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use assay_attest::verify::Report;
use assay_platform::{Config, job::Status};
use reqwest::multipart::{Form, Part};
use serde::Serialize;

use super::{
    get,
    server::{Server, block_on},
    verify,
    watch::watch,
};
use crate::{client::Client, output::Output, sample::Sample};

/// What the demo showed, for machines.
#[derive(Debug, Serialize)]
struct Shown {
    job: String,
    bundle: PathBuf,
    report: Report,
}

pub(crate) fn run(output: Output, dir: Option<PathBuf>, keep: bool) -> anyhow::Result<ExitCode> {
    let dir = match dir {
        Some(dir) => new_folder(dir)?,
        None => tempfile::Builder::new()
            .prefix("assay-demo-")
            .tempdir()?
            .keep(),
    };
    block_on(async {
        let server = start(output, &dir).await?;
        let result = show(output, &server, &dir).await;
        match result {
            Ok(code) if keep => {
                output.say(format!(
                    "\nThe server goes on at {0} (API documentation: {0}/docs). Stop it with Ctrl-C.",
                    server.url().unwrap_or_default()
                ));
                server.wait().await?;
                Ok(code)
            }
            other => {
                server.stop().await?;
                other
            }
        }
    })
}

/// A folder of the user's choice: made when absent, refused when something lies in it.
fn new_folder(dir: PathBuf) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    if dir.read_dir()?.next().is_some() {
        bail!("{} is not empty; choose another folder", dir.display());
    }
    Ok(dir.canonicalize()?)
}

async fn start(output: Output, dir: &Path) -> anyhow::Result<Server> {
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        ..Config::in_dir(dir.join("server"))?
    };
    let server = Server::start(config).await?;
    output.say(format!(
        "Assay is running at {}: API, worker, store and database in this process, with new keys.",
        server.url().context("the server listens nowhere")?
    ));
    Ok(server)
}

async fn show(output: Output, server: &Server, dir: &Path) -> anyhow::Result<ExitCode> {
    let url = server.url().context("the server listens nowhere")?;
    let client = Client::new(&url, None)?;
    let mut verified = 0;
    let mut last = None;
    for sample in [Sample::Wine, Sample::Digits] {
        let shown = one(output, &client, sample, dir).await?;
        verified += u32::from(shown.report.is_verified());
        output.value(&shown)?;
        last = Some(shown);
    }
    let last = last.context("no sample was shown")?;
    let refused = forgery::show(output, &last.bundle, dir)?;
    places(output, dir);
    if verified == 2 && refused {
        output.say("\n2 proofs verified, 1 forgery refused.");
        Ok(ExitCode::SUCCESS)
    } else {
        output.say(format!(
            "\nNot as it should be: {verified} of 2 proofs verified, forgery {}.",
            if refused { "refused" } else { "ACCEPTED" }
        ));
        Ok(ExitCode::FAILURE)
    }
}

/// One sample: hand in, watch, fetch, verify.
async fn one(output: Output, client: &Client, sample: Sample, dir: &Path) -> anyhow::Result<Shown> {
    let inputs = dir.join("samples").join(sample.name());
    let files = sample.write(&inputs)?;
    let (dataset, bytes) = &files.dataset;
    output.say(format!(
        "\n{}: handing in model.keras, {dataset} ({} kB) and definition.yaml",
        sample.name(),
        bytes.len().div_ceil(1000)
    ));
    let mut form = Form::new()
        .text("framework", "candle")
        .part(
            "model",
            Part::bytes(files.model.clone()).file_name("model.keras"),
        )
        .part("dataset", Part::bytes(bytes.clone()).file_name(*dataset))
        .part(
            "dataset_definition",
            Part::text(files.definition).file_name("definition.yaml"),
        );
    for (key, value) in files.parameters.iter().chain(files.metadata) {
        form = form.text(*key, *value);
    }
    let begun = Instant::now();
    let accepted = client.submit(form).await?;
    let job = accepted["job_id"]
        .as_str()
        .context("the server's answer names no job")?
        .to_owned();
    let end = watch(output, client, &job).await?;
    if end.status != Status::Completed {
        bail!(
            "the {} job is {}: {}",
            sample.name(),
            end.status.as_str(),
            end.reason.unwrap_or_default()
        );
    }
    output.say(format!(
        "  trained and signed, {} after it was handed in",
        seconds(begun.elapsed())
    ));
    let bundle = dir.join(sample.name());
    get::bundle(client, &job, &bundle).await?;
    let (_, report) = verify::bundle(&bundle, None)?;
    output.report_in_short(&report);
    if report.is_verified() {
        output.say(format!("  {}: the proof is verified.", sample.name()));
    }
    Ok(Shown {
        job,
        bundle,
        report,
    })
}

fn places(output: Output, dir: &Path) {
    let at = |name: &str| dir.join(name).display().to_string();
    // As it was typed: `assay` may not be on the PATH yet.
    let program = std::env::args().next().unwrap_or_else(|| "assay".into());
    output.say(format!(
        "\nWhere things are:\n  \
         {}   the inputs, to hand in again\n  \
         {}      a bundle: layout, links, AIBoM, every artifact\n  \
         {}    the other bundle\n  \
         {}     what a verifier pins; verify again with: {program} verify {}",
        at("samples"),
        at("wine"),
        at("digits"),
        at("trust"),
        at("wine"),
    ));
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
