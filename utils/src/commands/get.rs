//! `assay get`: the bundle of a job, laid out so that stock tools can check it where it lies.

use std::{
    fs,
    io::ErrorKind,
    io::Read,
    path::{Component, Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use assay_attest::{
    Trust,
    json::Limits,
    verify::{AIBOM_FILE, named_job},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{client::Client, output::Output};

pub(crate) async fn run(
    output: Output,
    client: Client,
    job: String,
    dir: PathBuf,
) -> anyhow::Result<ExitCode> {
    let trust = bundle(&client, &job, &dir).await?;
    output.value(&json!({ "bundle": dir, "trust": trust }))?;
    output.say(format!(
        "The bundle is in {}, the trust anchor beside it in {}.\n\
         The anchor came from this server: compare it with what the platform's owner gave you.\n\
         Verify the bundle with: assay verify {} --job {job}",
        dir.display(),
        trust.display(),
        dir.display(),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Fetches a completed job's bundle into `dir` and the trust anchor beside it; gives the anchor's folder.
pub(crate) async fn bundle(client: &Client, job: &str, dir: &Path) -> anyhow::Result<PathBuf> {
    let job = client.job(job).await?;
    if job["status"] != "completed" {
        bail!(
            "the job is {}; only a completed job has a bundle",
            job["status"].as_str().unwrap_or("not there")
        );
    }
    // A new folder, or one that is there and empty (`mktemp -d`), which the bundle's own then replaces.
    if dir.exists() && fs::remove_dir(dir).is_err() {
        bail!(
            "{} is there and not an empty folder; choose another",
            dir.display()
        );
    }
    // Everything is fetched into a folder of its own, so a broken download leaves no half bundle.
    let parent = match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let fetched = tempfile::Builder::new()
        .prefix(".assay-get-")
        .tempdir_in(&parent)?;
    fetch(client, &job, fetched.path()).await?;
    check_job(&job, fetched.path())?;
    let trust = parent.join("trust");
    write_trust(client, &trust).await?;
    let fetched = fetched.keep();
    open_to_readers(&fetched)?;
    fs::rename(&fetched, dir).with_context(|| format!("cannot write {}", dir.display()))?;
    Ok(trust)
}

async fn fetch(client: &Client, job: &Value, dir: &Path) -> anyhow::Result<()> {
    let artifacts = job["artifacts"]
        .as_array()
        .context("a job without artifacts")?;
    let total = artifacts.iter().filter_map(|a| a["bytes"].as_u64()).sum();
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(
        "fetching {bar:32} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}",
    ) {
        bar.set_style(style);
    }
    for artifact in artifacts.iter().chain(witnesses(job)) {
        let (path, url) = artifact["path"]
            .as_str()
            .zip(artifact["url"].as_str())
            .context("an artifact without path or link")?;
        let bytes = artifact["bytes"].as_u64();
        let bytes = bytes.context("an artifact without a size")?;
        let to = dir.join(place(path, artifact["role"].as_str().unwrap_or_default())?);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        client.download((url, bytes), &to, &bar).await?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// The links of those who trained the job again and got the same: of each key the newest.
fn witnesses(job: &Value) -> Vec<&Value> {
    let mut found: Vec<&Value> = Vec::new();
    let reproductions = job["reproductions"].as_array().into_iter().flatten();
    let name = |link: &Value| {
        let path = link["path"].as_str().unwrap_or_default();
        path.rsplit('/').next().map(str::to_owned)
    };
    for link in reproductions.map(|one| &one["witness"]) {
        if link.is_object() && !found.iter().any(|one| name(one) == name(link)) {
            found.push(link);
        }
    }
    found
}

/// Refuses another job's proof, which would verify as well as the one that was asked for.
fn check_job(job: &Value, dir: &Path) -> anyhow::Result<()> {
    let asked = job["job_id"].as_str().context("a job without an id")?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !(name == AIBOM_FILE || name.ends_with(".link")) || !entry.file_type()?.is_file() {
            continue;
        }
        let mut bytes = Vec::new();
        let limit = Limits::BOM.max_bytes as u64;
        fs::File::open(entry.path())?
            .take(limit)
            .read_to_end(&mut bytes)?;
        if let Some(named) = named_job(&bytes).filter(|named| named != asked) {
            bail!(
                "the server sent the proof of another job: {name} is of {named}, and {asked} was asked for; \
                 nothing of it was kept. Tell the platform's owner: its database was changed"
            );
        }
    }
    Ok(())
}

/// Where an artifact lies in a bundle: proof at the top, the rest under its own path.
fn place(path: &str, role: &str) -> anyhow::Result<PathBuf> {
    let relative = Path::new(path);
    // The server is not trusted with this machine's disk.
    if path.is_empty()
        || !relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
    {
        bail!("the server names an artifact {path:?}, which is no path within a bundle");
    }
    let proof = matches!(
        role,
        "layout"
            | "ingest_link"
            | "training_link"
            | "scan_link"
            | "aibom"
            | "aibom_signature"
            | "statements"
            | "model_signature"
            | "witness_link"
    );
    match relative.file_name() {
        Some(name) if proof => Ok(PathBuf::from(name)),
        _ => Ok(relative.to_owned()),
    }
}

/// Writes the trust anchor. Where one lies already, only a newer version that its owner signed takes its place: so news
/// of replaced and revoked keys arrive, and another owner's file is never taken.
async fn write_trust(client: &Client, dir: &Path) -> anyhow::Result<()> {
    let served = client.get("/trust").await?;
    let served = Trust::from_json(&serde_json::to_vec(&served)?)
        .context("what the server gives as trust anchor is none")?;
    let file = dir.join("trust.json");
    let present = match fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    if let Some(bytes) = present {
        let present = Trust::from_json(&bytes)
            .with_context(|| format!("{} is not a trust anchor", file.display()))?;
        if served.check_continues(&present.owner).is_err()
            && present.check_continues(&served.owner).is_err()
        {
            bail!(
                "{} pins another owner ({}) than this server ({}); fetch below another parent folder",
                file.display(),
                present.owner.keyid(),
                served.owner.keyid()
            );
        }
        if served.version <= present.version {
            return Ok(());
        }
        served.check_follows(&present).with_context(|| {
            format!(
                "the server's trust anchor does not follow from {}; ask the platform's owner, and do not trust either before",
                file.display()
            )
        })?;
    }
    assay_platform::keys::write_trust(&served, dir)?;
    Ok(())
}

/// A temporary folder is its maker's alone; a bundle is for everyone.
fn open_to_readers(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_lies_at_the_top_and_artifacts_under_their_paths() {
        assert_eq!(
            place("d/aibom.json", "aibom").unwrap(),
            Path::new("aibom.json")
        );
        assert_eq!(
            place("d/outputs/metrics.json", "output").unwrap(),
            Path::new("d/outputs/metrics.json")
        );
    }

    #[test]
    fn each_key_vouches_once() {
        let link = |path: &str| json!({"path": path, "url": "/"});
        let job = json!({"reproductions": [
            {"witness": link("b/witness.1.link")},
            {"witness": null},
            {"witness": link("a/witness.1.link")},
            {"witness": link("a/witness.2.link")},
        ]});
        let paths: Vec<_> = witnesses(&job).iter().map(|one| &one["path"]).collect();
        assert_eq!(paths, ["b/witness.1.link", "a/witness.2.link"]);
    }

    #[test]
    fn a_path_that_leaves_the_bundle_is_refused() {
        for path in ["../x", "/etc/x", "a/../../x", ""] {
            assert!(place(path, "output").is_err(), "{path}");
        }
    }
}
