use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};
use assay_test_parts::{Corner, Image, Postgres, Rabbit, S3};
use std::sync::mpsc::Sender;

use crate::{
    disk::SmallDisk,
    options::{Options, Sandbox},
    phase::Entered,
    process::Process,
};

/// How long a worker may say nothing before it has lost its job, in seconds. Longer than a loaded machine takes to
/// answer, and short enough that a pause past it does not make the run long.
pub(crate) const LEASE_SECONDS: u64 = 6;

/// Attempts that may break off: more than kills can meet one job, since no job may fail by our strikes. An outage of a
/// server or a full disk costs none, however often it comes (`check::outages_that_counted`).
const MAX_ATTEMPTS: u32 = 20;

/// Servers of our own, and the services of one deployment over them.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) api: Process,
    pub(crate) workers: Vec<Process>,
    /// The API's address.
    pub(crate) url: String,
    /// Each worker's rooms, on a disk that can be filled up; empty where none can be mounted.
    pub(crate) disks: Vec<SmallDisk>,
    /// Everything of the run.
    pub(crate) folder: PathBuf,
    program: PathBuf,
    pub(crate) corner: Corner,
    // After the corner: it cleans up on them.
    pub(crate) postgres: Postgres,
    pub(crate) rabbit: Rabbit,
    pub(crate) s3: S3,
    /// The trainer's image, if it was made for this run.
    _image: Option<Image>,
}

impl Deployment {
    /// Starts everything.
    #[expect(clippy::too_many_lines, reason = "one thing after the other")]
    pub(crate) fn start(
        options: &Options,
        folder: &Path,
        tell: &Sender<Entered>,
    ) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name("assay");
        if !program.exists() {
            bail!(
                "{} is missing; build the whole workspace",
                program.display()
            );
        }
        let (postgres, rabbit, s3) = (Postgres::start()?, Rabbit::start()?, S3::start()?);
        let corner = Corner::create_on(
            &postgres.url(),
            &rabbit.url(),
            &rabbit.management_url(),
            &s3.url(),
        )?;
        let secrets = folder.join("secrets");
        let image = image(options)?;
        let name = image.as_ref().map(Image::name).or(options.image.as_deref());
        let environment = environment(options, name, &corner, &secrets)?;
        let run = |arguments: &[&str]| run(&program, arguments, &environment);
        let workers = options.workers.to_string();
        run(&[
            "keys",
            "init",
            "--workers",
            &workers,
            "--dir",
            text(&secrets)?,
        ])?;
        run(&["prepare", "--dir", text(&folder.join("prepare"))?])?;
        let mut disks = Vec::new();
        let mut all = Vec::new();
        for number in 0..options.workers as usize {
            let dir = folder.join(format!("worker-{}", number + 1));
            if options.sandbox == Sandbox::Process {
                disks.extend(SmallDisk::mount(&dir.join("rooms"))?);
            }
            all.push(worker(&program, &dir, &environment, number, tell)?);
        }
        let mut api = Process::new(
            "api",
            &program,
            &[
                "api",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--dir",
                text(&folder.join("api"))?,
            ],
            environment,
            folder.join("api.log"),
        );
        let url = api.start()?.context("the API says no address")?;
        api.listen(&url);
        for worker in &mut all {
            worker.start()?;
        }
        Ok(Self {
            api,
            workers: all,
            url,
            disks,
            folder: folder.to_owned(),
            program,
            corner,
            postgres,
            rabbit,
            s3,
            _image: image,
        })
    }

    /// Runs `assay` to its end, which must be a good one; gives what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(&self.program, arguments, &[])
    }
}

/// An image of the trainer, where one is needed and none is named.
fn image(options: &Options) -> anyhow::Result<Option<Image>> {
    if options.sandbox == Sandbox::Process || options.image.is_some() {
        return Ok(None);
    }
    let trainer = std::env::current_exe()?.with_file_name("assay-trainer");
    if !trainer.exists() {
        bail!(
            "{} is missing; build the whole workspace, or name an image with --image",
            trainer.display()
        );
    }
    Image::of_program(&trainer, &[]).map(Some)
}

fn environment(
    options: &Options,
    image: Option<&str>,
    corner: &Corner,
    secrets: &Path,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut environment = corner.environment();
    let mut set = |name: &str, value: String| environment.push((format!("ASSAY__{name}"), value));
    set("KEYS__DIR", text(secrets)?.to_owned());
    set("LEASE_SECONDS", LEASE_SECONDS.to_string());
    set("MAX_ATTEMPTS", MAX_ATTEMPTS.to_string());
    set("TRAINER_THREADS", "1".to_owned());
    set("START__WAIT_SECONDS", "300".to_owned());
    // The disks that are filled up are small.
    set("SANDBOX__KEEP_FREE_BYTES", "1048576".to_owned());
    set("LOG__FORMAT", "json".to_owned());
    set(
        "LOG__FILTER",
        "info,assay_worker::phase=debug,sqlx=warn".to_owned(),
    );
    if options.sandbox == Sandbox::Docker {
        let engine = std::env::var("ASSAY_TEST_DOCKER").context("ASSAY_TEST_DOCKER is not set")?;
        set("SANDBOX__KIND", "docker".to_owned());
        set("DOCKER__HOST", engine);
        set("DOCKER__IMAGE", image.unwrap_or_default().to_owned());
    }
    Ok(environment)
}

fn worker(
    program: &Path,
    dir: &Path,
    environment: &[(String, String)],
    number: usize,
    tell: &Sender<Entered>,
) -> anyhow::Result<Process> {
    let name = format!("worker-{}", number + 1);
    let mut environment = environment.to_vec();
    environment.push(("ASSAY__KEYS__NAME".to_owned(), (number + 1).to_string()));
    let log = dir.with_file_name(format!("{name}.log"));
    let arguments = ["worker", "--json", "--dir", text(dir)?];
    let process = Process::new(&name, program, &arguments, environment, log);
    Ok(process.telling(number, tell.clone()))
}

fn run(
    program: &Path,
    arguments: &[&str],
    environment: &[(String, String)],
) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .output()?;
    if !output.status.success() {
        bail!(
            "assay {}: {}\n{}{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A path as text.
pub(crate) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not Unicode", path.display()))
}
