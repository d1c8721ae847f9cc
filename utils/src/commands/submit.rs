//! `assay submit`: hands in a job and, if wished, watches it to its end.

use std::{path::Path, process::ExitCode};

use anyhow::Context;
use assay_protocol::{AibomVersion, Metadata};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{
    Body,
    multipart::{Form, Part},
};
use tokio_util::io::ReaderStream;

use super::watch::watch;
use crate::{cli::Submit, client::Client, output::Output};

pub(crate) async fn run(
    output: Output,
    client: Client,
    submit: Submit,
) -> anyhow::Result<ExitCode> {
    let bar = upload_bar();
    let form = form(&submit, &bar).await?;
    let accepted = client.submit(form).await;
    bar.finish_and_clear();
    let accepted = accepted?;
    let job = accepted["job_id"]
        .as_str()
        .context("the server's answer names no job")?
        .to_owned();
    output.value(&accepted)?;
    if !submit.wait {
        output.say(format!(
            "Job {job} is queued. Watch it with: assay logs -f {job}"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    output.say(format!("Job {job}"));
    let end = watch(output, &client, &job).await?;
    Ok(end.report(output, &job))
}

/// The form of a job, its files streamed from disk.
async fn form(submit: &Submit, bar: &ProgressBar) -> anyhow::Result<Form> {
    let mut form = Form::new()
        .text("framework", submit.framework.clone())
        .text("priority", submit.priority.clone());
    if let Some(version) = &submit.aibom {
        form = form.text(AibomVersion::FIELD, version.clone());
    }
    if let Some(path) = &submit.metadata {
        for (key, value) in metadata(path)? {
            form = form.text(key, value);
        }
    }
    for (key, value) in &submit.parameters {
        form = form.text(key.clone(), value.clone());
    }
    for (field, path) in [
        ("model", &submit.model),
        ("dataset", &submit.dataset),
        ("dataset_definition", &submit.definition),
    ] {
        form = form.part(field, part(path, bar).await?);
    }
    if let Some(path) = &submit.sbom {
        form = form.part("sbom", part(path, bar).await?);
    }
    Ok(form)
}

/// The fields of a metadata file that are filled in.
fn metadata(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let metadata: Metadata = serde_saphyr::from_str(&text).with_context(|| {
        format!(
            "{} is no list of metadata fields (`field: text`, see assay submit --help)",
            path.display()
        )
    })?;
    let serde_json::Value::Object(fields) = serde_json::to_value(metadata)? else {
        return Ok(Vec::new());
    };
    let text = |(key, value): (String, serde_json::Value)| Some((key, value.as_str()?.to_owned()));
    Ok(fields.into_iter().filter_map(text).collect())
}

async fn part(path: &Path, bar: &ProgressBar) -> anyhow::Result<Part> {
    let file = tokio::fs::File::open(path)
        .await
        .with_context(|| format!("cannot read {}", path.display()))?;
    let length = file.metadata().await?.len();
    bar.inc_length(length);
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no usable file name", path.display()))?
        .to_owned();
    let counter = bar.clone();
    let stream = ReaderStream::with_capacity(file, 256 << 10).inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            counter.inc(chunk.len() as u64);
        }
    });
    Ok(Part::stream_with_length(Body::wrap_stream(stream), length).file_name(name))
}

fn upload_bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "uploading {bar:32} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
    );
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<(String, String)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.yaml");
        std::fs::write(&path, text).unwrap();
        metadata(&path)
    }

    #[test]
    fn a_metadata_file_has_fields_of_the_form_and_no_others() {
        let text = "model_version: \"1.0\"\nauthor: A. B.\nintended_use: |\n  one\n  two\n";
        let read_back: Vec<_> = read(text).unwrap();
        let has = |key: &str, value: &str| read_back.contains(&(key.to_owned(), value.to_owned()));
        assert!(has("model_version", "1.0") && has("author", "A. B."));
        assert!(has("intended_use", "one\ntwo\n"), "{read_back:?}");
        let error = format!("{:#}", read("licence: MIT\n").unwrap_err());
        assert!(error.contains("license_name"), "{error}");
        assert!(read("- a\n").is_err());
    }
}
