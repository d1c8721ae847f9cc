//! A trainer whose `check` says what its data set asks for, so that every answer can be brought about.
//!
//! It is its own launcher too: with the hidden subcommand it seals the room, then becomes the trainer.

use std::{ffi::OsStr, fs, io::Write, process::ExitCode};

use assay_platform::sandbox::{ENTER_ROOM, enter};
use assay_protocol::{DataSummary, Event, Fault, ModelSummary, Task, room};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (first, second) = (arguments.next(), arguments.next());
    match (first.as_deref().and_then(OsStr::to_str), second) {
        (Some(ENTER_ROOM), Some(room)) => enter(&room),
        (Some("check"), _) => check(),
        _ => ExitCode::from(64),
    }
}

fn check() -> ExitCode {
    let text = fs::read_to_string(format!("in/{}", room::DATASET)).unwrap_or_default();
    let all_there = [
        room::MODEL,
        room::DEFINITION,
        room::PARAMETERS,
        room::LIMITS,
    ]
    .iter()
    .all(|name| fs::metadata(format!("in/{name}")).is_ok());
    if !all_there {
        return ExitCode::from(65);
    }
    match text.lines().next().unwrap_or_default() {
        "" => {
            say(&Event::Failed(Fault::dataset(
                "dataset.empty",
                "the table has no rows",
            )));
            ExitCode::from(1)
        }
        "crash" => std::process::abort(),
        "silent" => ExitCode::SUCCESS,
        "garbage" => {
            let _written = std::io::stdout().write_all(b"\xff\xfe{\"event\":\n");
            ExitCode::SUCCESS
        }
        "forged" => {
            say(&checked());
            ExitCode::from(3)
        }
        "forever" => loop {
            std::thread::park();
        },
        _ => {
            say(&checked());
            ExitCode::SUCCESS
        }
    }
}

fn say(event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        let _written = std::io::stdout().write_all(&line);
    }
}

fn checked() -> Event {
    Event::Checked {
        model: ModelSummary {
            name: "small".into(),
            class: "Sequential".into(),
            keras_version: None,
            input_shape: vec![2],
            output_shape: vec![1],
            layers: Vec::new(),
            trainable_parameters: 3,
            non_trainable_parameters: 0,
            optimizer: serde_json::Value::Null,
            loss: "mse".into(),
            metrics: Vec::new(),
            task: Task::Regression,
        },
        data: DataSummary {
            kind: "csv".into(),
            rows: 1,
            training_rows: 1,
            validation_rows: 0,
            input_shape: vec![2],
            features: Vec::new(),
            label: None,
            classes: Vec::new(),
            preprocessing: serde_json::Value::Null,
        },
    }
}
