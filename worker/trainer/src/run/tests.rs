use std::collections::BTreeMap;
use std::path::PathBuf;

use assay_protocol::{
    AibomVersion, Device as Asked, Framework, JobRequest, Metadata, Parameters, room,
};
use serde_json::{Value, json};

use super::*;
use crate::archive;

/// An untrained model: dense layers of these units, the last with its own activation.
fn model(input: &[usize], units: &[usize], last: &str, loss: &str) -> Vec<u8> {
    let batch: Vec<Value> = std::iter::once(Value::Null)
        .chain(input.iter().map(|n| json!(n)))
        .collect();
    let layer = |class: &str, config: Value| json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    let mut layers = vec![layer(
        "InputLayer",
        json!({"batch_shape": batch, "dtype": "float32", "name": "input"}),
    )];
    if input.len() > 1 {
        layers.push(layer(
            "Flatten",
            json!({"name": "flatten", "dtype": "float32"}),
        ));
    }
    for (index, units_here) in units.iter().enumerate() {
        let activation = if index + 1 == units.len() {
            last
        } else {
            "relu"
        };
        let config = json!({
            "name": format!("dense_{index}"), "trainable": true, "dtype": "float32", "units": units_here,
            "activation": activation, "use_bias": true,
        });
        layers.push(layer("Dense", config));
    }
    let config = json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "small", "trainable": true, "dtype": "float32", "layers": layers},
        "compile_config": {"optimizer": "adam", "loss": loss, "metrics": []},
    });
    archive::untrained(&config, 1).unwrap()
}

const DEFINITION: &str =
    "columns: {b: float, a: float, y: int}\nlabel: y\npreprocessing: {normalize: true}\n";

/// 40 rows; class 7 where `a` is above `b`, else 3.
fn table() -> String {
    let mut text = String::from("a,b,y\n");
    for row in 0..40 {
        let (a, b) = ((row * 7) % 40, (row * 11) % 40);
        text += &format!("{a},{b},{}\n", if a > b { 7 } else { 3 });
    }
    text
}

fn parameters() -> Parameters {
    Parameters {
        epochs: 3,
        batch_size: 8,
        seed: 5,
        ..Parameters::default()
    }
}

pub(super) struct Room(tempfile::TempDir);

impl Room {
    fn new(model: &[u8], dataset: &[u8], definition: &str, parameters: Parameters) -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        for folder in [room.input(), room.output()] {
            std::fs::create_dir(folder).unwrap();
        }
        let request = JobRequest {
            framework: Framework::Candle,
            metadata: Metadata::default(),
            parameters,
            aibom: AibomVersion::default(),
        };
        let request = serde_json::to_vec(&request).unwrap();
        for (name, bytes) in [
            (room::MODEL, model),
            (room::DATASET, dataset),
            (room::DEFINITION, definition.as_bytes()),
            (room::PARAMETERS, &request),
        ] {
            std::fs::write(room.input().join(name), bytes).unwrap();
        }
        room
    }

    pub(super) fn good() -> Self {
        let model = model(&[2], &[4, 1], "sigmoid", "binary_crossentropy");
        Self::new(&model, table().as_bytes(), DEFINITION, parameters())
    }

    pub(super) fn input(&self) -> PathBuf {
        self.0.path().join("in")
    }

    pub(super) fn output(&self) -> PathBuf {
        self.0.path().join("out")
    }

    pub(super) fn run(&self, mode: &str, threads: &str) -> (ExitCode, Vec<Event>) {
        let mut arguments: Vec<OsString> = vec![mode.into(), "--in".into(), self.input().into()];
        if mode == "train" {
            arguments.extend(["--out".into(), self.output().into()]);
        }
        arguments.extend(["--threads".into(), threads.into()]);
        let mut stdout = Vec::new();
        let code = run(arguments, &mut stdout);
        let text = String::from_utf8(stdout).unwrap();
        (
            code,
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        )
    }

    fn fault(&self) -> Fault {
        let (code, mut events) = self.run("check", "1");
        assert_eq!(events.len(), 1, "{events:?}");
        match events.remove(0) {
            Event::Failed(fault) => {
                assert_eq!(code == ExitCode::from(USERS_FAULT), fault.is_users());
                fault
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.output().join(name)).unwrap()
    }
}

#[test]
fn a_good_job_is_checked_and_trained() {
    let room = Room::good();
    let (code, events) = room.run("check", "1");
    assert_eq!(code, ExitCode::SUCCESS);
    let [Event::Checked { data, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (data.rows, data.training_rows, data.validation_rows),
        (40, 32, 8)
    );
    assert_eq!(data.features, ["a", "b"]);
    assert_eq!(data.classes, ["3", "7"]);

    let (code, events) = room.run("train", "2");
    assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
    assert!(matches!(events[0], Event::Started { .. }));
    assert!(matches!(&events[1], Event::Log { message, .. } if message.contains("renumbered")));
    let epochs: Vec<u32> = events
        .iter()
        .filter_map(|event| {
            if let Event::Epoch(report) = event {
                Some(report.epoch)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(epochs, [1, 2, 3]);
    let Some(Event::Done {
        outputs, metrics, ..
    }) = events.last()
    else {
        panic!("{events:?}")
    };
    assert!(metrics.contains_key("val_loss"));
    let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, room::OUTPUTS);
    for output in outputs {
        assert_eq!(room.read(&output.name).len() as u64, output.bytes);
    }
    assert_eq!(
        std::fs::read_dir(room.output()).unwrap().count(),
        room::OUTPUTS.len()
    );
}

#[test]
fn outputs_say_how_to_use_the_model() {
    let room = Room::good();
    room.run("train", "1");
    let history: BTreeMap<String, Vec<f64>> =
        serde_json::from_slice(&room.read(room::METRICS)).unwrap();
    assert_eq!(history["loss"].len(), 3);
    assert_eq!(history["val_loss"].len(), 3);
    let recipe: Value = serde_json::from_slice(&room.read(room::PREPROCESSING)).unwrap();
    assert_eq!(recipe["features"][0]["name"], "a");
    assert_eq!(recipe["classes"], json!(["3", "7"]));
    assert_eq!(recipe["training_rows"], 32);
    assert_eq!(recipe["steps"][0]["step"], "normalize");
    let split = engine::split(40, 0.2, 5);
    let mean = split
        .training
        .iter()
        .map(|row| f64::from(row * 7 % 40))
        .sum::<f64>()
        / 32.0;
    assert!((recipe["steps"][0]["mean"][0].as_f64().unwrap() - mean).abs() < 1e-12);
    let log = String::from_utf8(room.read(room::LOGS)).unwrap();
    assert!(log.contains("epoch 3/3: "), "{log}");
    let limits = assay_protocol::DataLimits::default();
    archive::read(&room.read(room::TRAINED_MODEL), &limits).unwrap();
}

#[test]
fn equal_jobs_give_equal_weights_with_any_number_of_threads() {
    let weights = |threads| {
        let room = Room::good();
        room.run("train", threads);
        (
            room.read(room::WEIGHTS),
            room.read(room::TRAINED_MODEL),
            room.read(room::METRICS),
        )
    };
    let one = weights("1");
    assert!(one == weights("2"));
    assert!(one == weights("3"));
}

#[test]
fn regression_trains() {
    let model = model(&[2], &[4, 1], "linear", "mean_squared_error");
    let definition = "columns: {a: float, b: float, y: float}\nlabel: y\n";
    let table = table().replace(",7\n", ",0.7\n").replace(",3\n", ",0.3\n");
    let room = Room::new(&model, table.as_bytes(), definition, parameters());
    let (code, events) = room.run("train", "1");
    assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
}

#[test]
fn a_file_of_tensorflow_trains() {
    let model = model(&[3], &[4, 3], "softmax", "sparse_categorical_crossentropy");
    let records = include_bytes!("../../tests/fixtures/records.tfrecord");
    let definition = "type: tfrecord\nfeatures: {floats: {shape: [3], dtype: float32}}\nlabel: {name: label, dtype: int64}\n";
    let room = Room::new(&model, records, definition, parameters());
    let (code, events) = room.run("train", "1");
    assert_eq!(code, ExitCode::SUCCESS, "{events:?}");
}

#[test]
fn shapes_that_contradict_each_other_are_named_on_both_sides() {
    let good = || model(&[2], &[1], "sigmoid", "binary_crossentropy");
    let fault = |model: &[u8], definition: &str| {
        Room::new(model, table().as_bytes(), definition, parameters()).fault()
    };
    let stated = fault(&good(), &format!("{DEFINITION}input_shape: [3]\n"));
    assert_eq!(stated.code, "definition.shape_mismatch");
    assert!(
        stated.message.contains("[3]") && stated.message.contains("[2]"),
        "{stated}"
    );
    let stated = fault(&good(), &format!("{DEFINITION}output_shape: [2]\n"));
    assert_eq!(stated.code, "definition.shape_mismatch");
    let data = fault(
        &model(&[5], &[1], "sigmoid", "binary_crossentropy"),
        DEFINITION,
    );
    assert_eq!(data.code, "dataset.shape_mismatch");
    assert!(
        data.message.contains("[2]") && data.message.contains("[5]"),
        "{data}"
    );
    let loss = fault(
        &model(&[2], &[1], "linear", "sparse_categorical_crossentropy"),
        DEFINITION,
    );
    assert!(loss.is_users(), "{loss}");
}

#[test]
fn parameters_that_leave_nothing_to_do_are_refused_by_name() {
    let fault = |parameters| {
        let model = model(&[2], &[1], "sigmoid", "binary_crossentropy");
        Room::new(&model, table().as_bytes(), DEFINITION, parameters).fault()
    };
    let field = |parameters| fault(parameters).field.unwrap().into_owned();
    assert_eq!(
        field(Parameters {
            validation_split: 0.999,
            ..parameters()
        }),
        "validation_split"
    );
    assert_eq!(
        field(Parameters {
            steps_per_epoch: Some(5),
            ..parameters()
        }),
        "steps_per_epoch"
    );
    assert_eq!(
        field(Parameters {
            validation_steps: Some(2),
            ..parameters()
        }),
        "validation_steps"
    );
    assert_eq!(
        field(Parameters {
            epochs: 0,
            ..parameters()
        }),
        "epochs"
    );
}

#[test]
fn a_room_that_is_not_furnished_is_our_fault() {
    let room = Room::good();
    std::fs::remove_file(room.input().join(room::DATASET)).unwrap();
    assert_eq!(room.fault().code, "trainer.room");
    std::fs::write(room.input().join(room::PARAMETERS), b"{}").unwrap();
    assert_eq!(room.fault().code, "trainer.room");
}

#[test]
fn limits_of_the_room_hold() {
    let room = Room::good();
    std::fs::write(room.input().join(room::LIMITS), br#"{"rows": 39}"#).unwrap();
    assert_eq!(room.fault().code, "dataset.too_large");
}

#[test]
fn a_job_that_insists_on_a_gpu_is_checked_anywhere_and_trained_on_none_but_a_gpu() {
    let asking = |device| {
        let parameters = Parameters {
            device,
            ..parameters()
        };
        let model = model(&[2], &[4, 1], "sigmoid", "binary_crossentropy");
        Room::new(&model, table().as_bytes(), DEFINITION, parameters)
    };
    let room = asking(Asked::Cuda);
    assert_eq!(room.run("check", "1").0, ExitCode::SUCCESS);
    let (code, events) = room.run("train", "1");
    if cfg!(feature = "cuda") {
        return;
    }
    assert_eq!(code, ExitCode::FAILURE);
    let Some(Event::Failed(fault)) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!(fault.code, "trainer.device");
    let (code, _) = asking(Asked::Cpu).run("train", "1");
    assert_eq!(code, ExitCode::SUCCESS);
}

#[test]
fn a_panic_is_told() {
    let fault = panic_fault(&"why");
    assert_eq!(fault.code, "trainer.panic");
    assert!(fault.message.contains("why") && !fault.is_users());
}

#[test]
fn the_version_of_candle_is_that_of_the_lock_file() {
    let lock = include_str!("../../../../Cargo.lock");
    let entry = format!("name = \"candle-core\"\nversion = \"{CANDLE}\"");
    assert!(lock.contains(&entry), "CANDLE is not what Cargo.lock says");
}
