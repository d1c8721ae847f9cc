//! What can be typed, and where it goes.

mod bom;
mod intoto;
mod keys;

use std::{path::PathBuf, process::ExitCode};

use assay_platform::{Service, ids::JobId};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands::{self, model::ModelCommand, reproduce::Segment, service::Options},
    output::Output,
    sample::Sample,
};

pub(crate) use intoto::Form;

#[derive(Debug, Parser)]
#[command(
    name = "assay",
    version,
    about = "Trains machine-learning models in a sealed room and proves what happened",
    after_help = "Begin with `assay demo`. It needs nothing installed and ends with a verified proof."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON for machines, one value a line, instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

/// Where a server is, and whom to trust on the way to its bytes.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Address of the server, for submit, status, logs, cancel, artifacts, workers, queue, witness, get and open.
    #[arg(
        long = "server",
        global = true,
        env = "ASSAY_SERVER",
        default_value = "http://127.0.0.1:8000"
    )]
    pub(crate) address: String,
    /// Certificates (PEM) of authorities to trust beside those of this machine, for get, where the server keeps the bytes
    /// behind https.
    #[arg(long, global = true, env = "ASSAY_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole way: train on two real data sets, fetch the proofs, verify them, refuse a forgery.
    Demo {
        /// Folder for everything that the demo makes; a temporary one when absent.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Leave the server running at the end, until Ctrl-C.
        #[arg(long)]
        keep: bool,
    },
    /// Run the server: API, worker, store and database in one process.
    Up {
        #[command(flatten)]
        options: Options,
        /// Print the configuration manual and exit.
        #[arg(long)]
        print_config: bool,
    },
    /// Run the API of a deployment; database, broker and store are servers that the configuration names.
    Api(Options),
    /// Run one worker of a deployment.
    Worker(Options),
    /// Run the scanner of a deployment: Trivy over the images that the configuration names.
    Scanner(Options),
    /// Bring the database's tables to this program's version, or back to an earlier one.
    Migrate {
        #[command(flatten)]
        options: Options,
        /// An earlier version; 0 leaves no tables. What only later versions can hold is lost.
        #[arg(long, value_name = "VERSION")]
        down_to: Option<i64>,
    },
    /// Make tables, buckets and queues of a deployment, once, with accounts that may; its services then need no such
    /// right.
    Prepare(Options),
    /// Ask a running service how it is: exit code 0 when it can do its work.
    Healthcheck {
        /// Which service.
        #[arg(value_enum)]
        service: Checked,
        #[command(flatten)]
        options: Options,
    },
    /// Make, hand out, replace and revoke the keys and the layouts that proofs hang on.
    Keys(keys::Keys),
    /// Write a real data set with a matching untrained model and its definition.
    Sample {
        /// Which one.
        name: Sample,
        /// Where to; made when absent.
        dir: PathBuf,
    },
    /// Hand in a model, a data set and its definition.
    Submit(Submit),
    /// Show where a job stands, or list the newest jobs.
    Status {
        /// The job; all jobs when absent.
        job: Option<String>,
    },
    /// Show what a job printed.
    Logs {
        /// The job.
        job: String,
        /// Go on until the job ends.
        #[arg(short, long)]
        follow: bool,
    },
    /// Stop a job.
    Cancel {
        /// The job.
        job: String,
    },
    /// List the files of a job with their digests.
    Artifacts {
        /// The job.
        job: String,
    },
    /// List the workers, or tell one to take no new jobs.
    Workers {
        #[command(subcommand)]
        command: Option<WorkersCommand>,
    },
    /// Show how many jobs wait, and look after messages that could not be delivered.
    Queue {
        #[command(subcommand)]
        command: Option<QueueCommand>,
    },
    /// Have a completed job trained again by another worker, who signs as a witness if the same comes out.
    Witness {
        /// The job.
        job: String,
        /// Show the training and wait for its end; exit code 1 unless the same came out.
        #[arg(long)]
        wait: bool,
    },
    /// Fetch the whole bundle of a job: model, data, links, AIBoM, witnesses.
    Get {
        /// The job.
        job: String,
        /// Folder of the bundle; the trust anchor is written beside it, to `DIR/../trust`.
        dir: PathBuf,
    },
    /// Hash, sign, verify and convert models, with no server: OpenSSF model signatures, safetensors, `PyTorch` weights.
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// Verify a bundle offline: a table of checks, exit code 1 when one fails.
    Verify {
        /// Folder of the bundle.
        dir: PathBuf,
        /// The trust anchor (`trust.json`), got from the platform's owner; `DIR/../trust/trust.json` when absent.
        #[arg(long)]
        trust: Option<PathBuf>,
        /// The job that the bundle has to be of; any job's when absent.
        #[arg(long)]
        job: Option<JobId>,
    },
    /// Look at AIBoMs, of this platform or of any other tool.
    Bom {
        #[command(subcommand)]
        command: bom::BomCommand,
    },
    /// Verify and sign links and layouts of any in-toto tool.
    Intoto {
        #[command(subcommand)]
        command: intoto::IntotoCommand,
    },
    /// Train again what a bundle proves, on this machine, and compare: exit code 0 when it gives the same model.
    Reproduce(Reproduce),
    /// Open the server's page in the browser.
    Open,
}

/// A service that can be asked how it is.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Checked {
    /// The API, or everything in one process.
    Api,
    /// A worker.
    Worker,
    /// A scanner.
    Scanner,
}

impl From<Checked> for Service {
    fn from(checked: Checked) -> Self {
        match checked {
            Checked::Api => Self::Api,
            Checked::Worker => Self::Worker,
            Checked::Scanner => Self::Scanner,
        }
    }
}

#[derive(Debug, Subcommand)]
enum WorkersCommand {
    /// Let a worker take no new jobs. Those that it runs go on.
    Drain {
        /// The worker's name, as `assay workers` shows it.
        name: String,
    },
    /// Let a worker take jobs again.
    Undrain {
        /// The worker's name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum QueueCommand {
    /// List messages that could not be delivered.
    Dead,
    /// Ring again for the jobs among them that still wait.
    Redrive {
        /// Take away what names no job, too.
        #[arg(long)]
        drop: bool,
    },
}

/// A training to run again.
#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// Folder of the bundle, as `assay get` writes it.
    pub(crate) dir: PathBuf,
    /// The trust anchor, as `assay verify` takes it.
    #[arg(long)]
    pub(crate) trust: Option<PathBuf>,
    /// Only these epochs, as `3..4`: from the weights after the first of them to those after the last. Other than from the
    /// very beginning, it needs a checkpoint that the platform kept (`checkpoints.keep`).
    #[arg(long, value_name = "K..M")]
    pub(crate) epochs: Option<Segment>,
    /// Vouch for the result with this key (P-256, PKCS #8 PEM): writes the in-toto link `witness.<key id>.link` to the
    /// current folder if all is identical.
    #[arg(long, value_name = "KEY", conflicts_with = "epochs")]
    pub(crate) witness: Option<PathBuf>,
}

/// A job to hand in.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    /// The model: a compiled Keras 3 archive (`.keras`).
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// The data set: CSV, zip of class folders, or TFRecord.
    #[arg(long)]
    pub(crate) dataset: PathBuf,
    /// The data set definition (YAML).
    #[arg(long)]
    pub(crate) definition: PathBuf,
    /// What the record names as asked for: `candle`, or `TensorFlow 2.16.1` for clients of AIBoMGen. candle always trains.
    #[arg(long, default_value = "candle")]
    pub(crate) framework: String,
    /// Before which other jobs it goes: `low`, `normal` or `high`.
    #[arg(long, default_value = "normal")]
    pub(crate) priority: String,
    /// A training parameter or metadata field; may be repeated.
    ///
    /// Parameters and their defaults: `epochs=50`, `validation_split=0.2`, `initial_epoch=0`, `batch_size=32`,
    /// `steps_per_epoch`, `validation_steps`, `validation_freq=1`, `seed=0`, `device=auto` (or
    /// `cpu`, `cuda`). Metadata, all optional: `model_name`,
    /// `model_version`, `model_description`, `author`, `model_type`, `base_model`, `base_model_source`,
    /// `intended_use`, `out_of_scope`, `misuse_or_malicious`, `license_name`, `manufacturer`, `supplier`,
    /// `intended_users`, `technical_limitations`, `model_card_url`, `dataset_name`, `dataset_version`,
    /// `dataset_description`, `dataset_license`, `dataset_source`, `dataset_sensitivity`, `dataset_owner`,
    /// `dataset_steward`, `dataset_collection`.
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Metadata fields from a file (YAML: `field: text`); `--param` says more, not the same again.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
    /// An SBOM of your own (CycloneDX 1.2 to 1.7, JSON): its components stand nested in the AIBoM.
    #[arg(long, value_name = "FILE")]
    pub(crate) sbom: Option<PathBuf>,
    /// The version of CycloneDX that the AIBoM is to have: 1.6 when absent; 1.7 also says who each fact is from.
    #[arg(long, value_name = "VERSION", value_parser = ["1.6", "1.7"])]
    pub(crate) aibom: Option<String>,
    /// Show the training and wait for its end; exit code 1 unless it completes. Ctrl-C stops the watching, not the job.
    #[arg(long)]
    pub(crate) wait: bool,
}

pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .ok_or_else(|| format!("{text:?} is not of the form KEY=VALUE"))
}

/// Parses the command line and does what it says.
#[expect(clippy::too_many_lines, reason = "a line or two for each command")]
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let result = match cli.command {
        Command::Demo { dir, keep } => commands::demo::run(output, dir, keep),
        Command::Up {
            options,
            print_config,
        } => commands::up::run(output, options, print_config),
        Command::Api(options) => commands::api::run(output, options),
        Command::Worker(options) => commands::worker::run(output, options),
        Command::Scanner(options) => commands::scanner::run(output, options),
        Command::Migrate { options, down_to } => commands::migrate::run(output, options, down_to),
        Command::Prepare(options) => commands::prepare::run(output, options),
        Command::Healthcheck { service, options } => {
            commands::healthcheck::run(output, service.into(), options)
        }
        Command::Keys(keys) => keys::run(output, keys),
        Command::Sample { name, dir } => commands::sample::run(output, name, &dir),
        Command::Reproduce(reproduce) => commands::reproduce::run(output, reproduce),
        Command::Verify { dir, trust, job } => commands::verify::run(output, &dir, trust, job),
        Command::Bom { command } => bom::run(output, command),
        Command::Intoto { command } => intoto::run(output, command),
        Command::Model { command } => commands::model::run(output, command),
        Command::Submit(submit) => commands::client(&cli.server, |client| {
            commands::submit::run(output, client, submit)
        }),
        Command::Status { job } => commands::client(&cli.server, |client| {
            commands::status::run(output, client, job)
        }),
        Command::Logs { job, follow } => commands::client(&cli.server, |client| {
            commands::logs::run(output, client, job, follow)
        }),
        Command::Cancel { job } => commands::client(&cli.server, |client| {
            commands::cancel::run(output, client, job)
        }),
        Command::Artifacts { job } => commands::client(&cli.server, |client| {
            commands::artifacts::run(output, client, job)
        }),
        Command::Workers { command } => {
            commands::client(&cli.server, async |client| match command {
                None => commands::workers::list(output, client).await,
                Some(WorkersCommand::Drain { name }) => {
                    commands::workers::drain(output, client, name, true).await
                }
                Some(WorkersCommand::Undrain { name }) => {
                    commands::workers::drain(output, client, name, false).await
                }
            })
        }
        Command::Queue { command } => commands::client(&cli.server, async |client| match command {
            None => commands::queue::show(output, client).await,
            Some(QueueCommand::Dead) => commands::queue::dead(output, client).await,
            Some(QueueCommand::Redrive { drop }) => {
                commands::queue::redrive(output, client, drop).await
            }
        }),
        Command::Witness { job, wait } => commands::client(&cli.server, |client| {
            commands::witness::run(output, client, job, wait)
        }),
        Command::Get { job, dir } => commands::client(&cli.server, |client| {
            commands::get::run(output, client, job, dir)
        }),
        Command::Open => {
            commands::client(&cli.server, |client| commands::open::run(output, client))
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
