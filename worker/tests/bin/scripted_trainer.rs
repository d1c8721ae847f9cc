//! A trainer that plays the part its data set asks for, so that every end of a run can be brought about.
//!
//! It is its own launcher too: with the hidden subcommand it seals the room, then becomes the trainer.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    path::Path,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use assay_attest::Digest;
use assay_platform::sandbox::{ENTER_ROOM, enter};
use assay_protocol::{
    DataSummary, EpochReport, Event, Fault, JobRequest, LogLevel, ModelSummary, OutputFile, Task,
    TrainerInfo, room,
};

type Outcome = Result<ExitCode, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (first, second) = (arguments.next(), arguments.next());
    let outcome = match (first.as_deref().and_then(OsStr::to_str), second) {
        (Some(ENTER_ROOM), Some(room)) => return enter(&room),
        (Some("train"), _) => train(),
        _ => Err("expected `train`".into()),
    };
    outcome.unwrap_or_else(|error| {
        let _told = writeln!(std::io::stderr(), "scripted trainer: {error}");
        ExitCode::from(70)
    })
}

fn train() -> Outcome {
    let (input, output) = (Path::new("in"), Path::new("out"));
    let part = fs::read_to_string(input.join(room::DATASET))?;
    let request: JobRequest = serde_json::from_slice(&fs::read(input.join(room::PARAMETERS))?)?;
    let epochs = request.parameters.epochs;
    say(&started())?;
    let mut files = outputs();
    let first = fs::read_to_string(input.join(room::CHECKPOINT))
        .map_or(Ok(0), |text| text.trim().parse::<u32>())?;
    say(&weights(
        part.trim(),
        request.parameters.initial_epoch,
        epochs,
    ))?;
    match part.trim() {
        "done" | "short epochs" | "repeats" | "drifts" => {}
        "fault" => {
            write(output, &[(room::LOGS, b"what went wrong\n".to_vec())])?;
            let fault = Fault::dataset(
                "dataset.column_type",
                "column \"a\" holds \"x\", not a number",
            );
            say(&Event::Failed(fault))?;
            return Ok(ExitCode::from(1));
        }
        "crash" => std::process::abort(),
        "forged" => {
            write(output, &files)?;
            say(&done(&files))?;
            return Ok(ExitCode::from(3));
        }
        "silent" => return Ok(ExitCode::SUCCESS),
        "missing" => files.retain(|(name, _)| *name != room::METRICS),
        "extra" => files.push(("more.txt", b"x".to_vec())),
        "symlink" => {
            files.retain(|(name, _)| *name != room::LOGS);
            let _made = std::os::unix::fs::symlink("/etc/passwd", output.join(room::LOGS));
        }
        "checkpoints" => resume_or_wait(input, output, epochs)?,
        "forever" => loop {
            std::thread::sleep(Duration::from_millis(20));
        },
        "flood" => {
            for line in 0..20_000 {
                say(&Event::Log {
                    level: LogLevel::Info,
                    message: format!("line {line}"),
                })?;
            }
        }
        other => return Err(format!("no such part: {other:?}").into()),
    }
    let pause = match part.trim() {
        "short epochs" => Duration::from_millis(3),
        _ => Duration::ZERO,
    };
    train_on(part.trim(), first, epochs, pause)?;
    write(output, &files)?;
    say(&done(&files))?;
    Ok(ExitCode::SUCCESS)
}

/// Tells of the epochs after the first.
fn train_on(
    part: &str,
    first: u32,
    epochs: u32,
    pause: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    for epoch in first + 1..=epochs {
        std::thread::sleep(pause);
        say(&report(part, epoch, epochs))?;
    }
    Ok(())
}

/// Goes on from the checkpoint in the room; without one, writes one after each of three epochs, then waits for ever.
fn resume_or_wait(
    input: &Path,
    output: &Path,
    epochs: u32,
) -> Result<(), Box<dyn std::error::Error>> {
    let part = "checkpoints";
    if let Ok(text) = fs::read_to_string(input.join(room::CHECKPOINT)) {
        let epoch = text.trim().parse()?;
        say(&Event::Resumed { epoch })?;
        return (1..=epoch).try_for_each(|epoch| say(&weights(part, epoch, epochs)));
    }
    for epoch in 1..=3 {
        let text = epoch.to_string();
        say(&report(part, epoch, epochs))?;
        fs::write(output.join(room::checkpoint(epoch)), &text)?;
        let bytes = text.len() as u64;
        say(&Event::Checkpoint { epoch, bytes })?;
    }
    loop {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn report(part: &str, epoch: u32, of: u32) -> Event {
    Event::Epoch(EpochReport {
        epoch,
        of,
        metrics: [("loss".to_owned(), 1.0 / f64::from(epoch))].into(),
        seconds: 0.001,
        weights_sha256: Some(weights_digest(part, epoch, of)),
    })
}

/// The weights after an epoch that is not trained.
fn weights(part: &str, epoch: u32, of: u32) -> Event {
    Event::Weights {
        epoch,
        sha256: weights_digest(part, epoch, of),
    }
}

/// The digest of the weights after an epoch; a trainer that drifts has others in each run, but for the last.
fn weights_digest(part: &str, epoch: u32, of: u32) -> String {
    if epoch == of {
        return Digest::of(&weights_file()).to_string();
    }
    let run = match part {
        // Processes may have the same number in each room.
        "drifts" if epoch > 1 => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |since| since.subsec_nanos().max(1)),
        _ => 0,
    };
    Digest::of(&[run.to_be_bytes(), epoch.to_be_bytes()].concat()).to_string()
}

fn weights_file() -> Vec<u8> {
    let mut weights = 2_u64.to_le_bytes().to_vec();
    weights.extend(b"{}");
    weights
}

fn say(event: &Event) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, event)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

fn write(folder: &Path, files: &[(&str, Vec<u8>)]) -> std::io::Result<()> {
    files
        .iter()
        .try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
}

fn outputs() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        (room::TRAINED_MODEL, b"PK\x03\x04 not really".to_vec()),
        (room::METRICS, b"{\"loss\":[1.0,0.5]}".to_vec()),
        (room::LOGS, b"epoch 1\nepoch 2\n".to_vec()),
        (room::WEIGHTS, weights_file()),
        (room::ARCHITECTURE, b"{}".to_vec()),
        (room::PREPROCESSING, b"{}".to_vec()),
    ]
}

fn done(files: &[(&str, Vec<u8>)]) -> Event {
    Event::Done {
        outputs: files
            .iter()
            .map(|(name, bytes)| OutputFile {
                name: (*name).to_owned(),
                bytes: bytes.len() as u64,
            })
            .collect(),
        metrics: [("loss".to_owned(), 0.5), ("accuracy".to_owned(), 0.875)].into(),
        training_seconds: 0.002,
    }
}

fn started() -> Event {
    Event::Started {
        trainer: TrainerInfo {
            name: "assay-trainer".into(),
            version: "0.0.0-scripted".into(),
            candle: "0.11.1".into(),
            arithmetic: "none".into(),
            threads: 1,
        },
        model: ModelSummary {
            name: "sequential".into(),
            class: "Sequential".into(),
            keras_version: Some("3.11.0".into()),
            input_shape: vec![2],
            output_shape: vec![1],
            layers: Vec::new(),
            trainable_parameters: 3,
            non_trainable_parameters: 0,
            optimizer: serde_json::json!({"name": "sgd", "learning_rate": 0.01}),
            loss: "binary_crossentropy".into(),
            metrics: vec!["accuracy".into()],
            task: Task::BinaryClassification,
        },
        data: DataSummary {
            kind: "csv".into(),
            rows: 10,
            training_rows: 8,
            validation_rows: 2,
            input_shape: vec![2],
            features: vec!["a".into(), "b".into()],
            label: Some("label".into()),
            classes: vec!["0".into(), "1".into()],
            preprocessing: serde_json::json!({"scale": 0.5}),
        },
    }
}
