use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::spec::{Activation, Array, LayerKind, Padding};

mod hostile;
#[cfg(feature = "outside-tools")]
mod keras;
mod refusals;

/// The fixtures that Keras 3.15 wrote, compiled and (but for the last) fitted.
const MODELS: [&str; 7] = [
    "images",
    "table",
    "tokens",
    "sgd",
    "momentum",
    "amsgrad",
    "untrained",
];

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/archives")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read_fixture(name: &str) -> KerasArchive {
    read(&fixture(&format!("{name}.keras")), &DataLimits::default()).unwrap()
}

/// The state as read, or that of an optimizer before its first step.
fn state_of(archive: &KerasArchive) -> OptimizerState {
    archive
        .optimizer
        .clone()
        .unwrap_or_else(|| fresh_state(&archive.spec))
}

/// What Keras says of the fixture.
fn expected(name: &str) -> Value {
    serde_json::from_slice(&fixture(&format!("{name}.json"))).unwrap()
}

fn sum(array: &Array) -> f64 {
    array.data.iter().map(|n| f64::from(*n)).sum()
}

fn close(a: f64, b: &Value) {
    let b = b.as_f64().unwrap();
    assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{a} is not {b}");
}

fn shape_of(value: &Value) -> Vec<usize> {
    serde_json::from_value(value["shape"].clone()).unwrap()
}

#[test]
fn every_weight_and_the_optimizer_are_read_as_keras_has_them() {
    for name in MODELS {
        let (archive, expected) = (read_fixture(name), expected(name));
        let read: Vec<(String, &Array)> = archive
            .spec
            .layers
            .iter()
            .zip(&archive.weights.layers)
            .flat_map(|(l, arrays)| {
                l.weights
                    .iter()
                    .zip(arrays)
                    .map(|(w, a)| (format!("{}/{}", l.name, w.name), a))
            })
            .collect();
        let wanted = expected["weights"].as_array().unwrap();
        assert_eq!(read.len(), wanted.len(), "{name}");
        for ((path, array), wanted) in read.iter().zip(wanted) {
            assert_eq!(path, wanted["path"].as_str().unwrap());
            assert_eq!(array.shape, shape_of(wanted), "{path}");
            close(f64::from(array.data[0]), &wanted["first"]);
            close(sum(array), &wanted["sum"]);
        }
        let summary = summary(&archive.spec);
        assert_eq!(
            summary.trainable_parameters,
            expected["trainable"].as_u64().unwrap()
        );
        assert_eq!(
            summary.trainable_parameters + summary.non_trainable_parameters,
            expected["parameters"].as_u64().unwrap()
        );
        let huber = matches!(archive.spec.compile.loss, crate::spec::Loss::Huber { .. });
        assert_eq!(
            archive.notes.len(),
            usize::from(huber),
            "{:?}",
            archive.notes
        );
        let wanted = expected["optimizer"].as_array().unwrap();
        if name == "untrained" {
            assert_eq!(archive.optimizer, None);
            continue;
        }
        let state = archive.optimizer.unwrap();
        assert_eq!(Some(state.iterations), expected["steps"].as_i64());
        close(f64::from(state.learning_rate), &wanted[1]["sum"]);
        assert_eq!(state.slots.len() + 2, wanted.len(), "{name}");
        for (slot, wanted) in state.slots.iter().zip(&wanted[2..]) {
            assert_eq!(slot.shape, shape_of(wanted));
            close(sum(slot), &wanted["sum"]);
        }
    }
}

#[test]
fn layers_have_keras_settings_and_shapes() {
    let spec = read_fixture("images").spec;
    let layer = |class: &str| spec.layers.iter().find(|l| l.class == class).unwrap();
    assert_eq!(spec.layers[0].kind, LayerKind::Input);
    assert_eq!(spec.layers[0].output_shape, [8, 8, 2]);
    assert_eq!(spec.layers[spec.output].class, "Softmax");
    assert_eq!(
        layer("ZeroPadding2D").kind,
        LayerKind::ZeroPadding2d {
            padding: [[1, 0], [0, 1]]
        }
    );
    assert_eq!(layer("ZeroPadding2D").output_shape, [9, 9, 2]);
    assert_eq!(
        layer("Rescaling").kind,
        LayerKind::Rescaling {
            scale: 0.5,
            offset: -0.25
        }
    );
    assert_eq!(
        layer("DepthwiseConv2D").kind,
        LayerKind::DepthwiseConv2d {
            kernel: [2, 2],
            strides: [2, 2],
            padding: Padding::Valid,
            dilation: [1, 1],
            multiplier: 2,
            use_bias: true,
            activation: Activation::Swish,
        }
    );
    assert_eq!(layer("DepthwiseConv2D").output_shape, [4, 4, 8]);
    assert_eq!(
        layer("LeakyReLU").kind,
        LayerKind::Activation(Activation::LeakyRelu {
            negative_slope: 0.3
        })
    );
    assert_eq!(layer("AveragePooling2D").output_shape, [2, 2, 8]);
    assert_eq!(layer("Concatenate").output_shape, [8 + 8 + 32]);
    let LayerKind::BatchNormalization {
        axis,
        momentum,
        epsilon,
        ..
    } = layer("BatchNormalization").kind
    else {
        panic!("{:?}", layer("BatchNormalization"));
    };
    assert_eq!((axis, momentum, epsilon), (2, 0.9, 1e-3));
    let frozen = spec.layers.iter().find(|l| l.name == "frozen").unwrap();
    assert!(!frozen.trainable && frozen.weights.iter().all(|w| !w.trainable));
    for (i, layer) in spec.layers.iter().enumerate() {
        assert!(layer.inputs.iter().all(|from| *from < i));
    }
}

#[test]
fn compile_settings_and_metric_names_are_those_of_keras() {
    use crate::spec::{Clip, Loss, MetricKind, OptimizerRule};
    let names = |name: &str| -> Vec<(String, MetricKind)> {
        let metrics = read_fixture(name).spec.compile.metrics;
        metrics.into_iter().map(|m| (m.name, m.kind)).collect()
    };
    assert_eq!(
        names("images"),
        [
            ("accuracy".to_owned(), MetricKind::SparseCategoricalAccuracy),
            ("top".to_owned(), MetricKind::SparseCategoricalAccuracy)
        ]
    );
    assert_eq!(
        names("table"),
        [
            (
                "acc".to_owned(),
                MetricKind::BinaryAccuracy { threshold: 0.5 }
            ),
            ("AUC".to_owned(), MetricKind::Auc),
            ("mae".to_owned(), MetricKind::MeanAbsoluteError),
            ("mse".to_owned(), MetricKind::MeanSquaredError),
        ]
    );
    assert_eq!(
        names("tokens"),
        [(
            "categorical_accuracy".to_owned(),
            MetricKind::CategoricalAccuracy
        )]
    );
    let adamw = read_fixture("images").spec.compile.optimizer;
    assert_eq!(
        (adamw.learning_rate, adamw.weight_decay),
        (2e-3, Some(0.004))
    );
    assert_eq!(adamw.clip, Some(Clip::Norm(1.0)));
    let momentum = read_fixture("momentum").spec.compile;
    assert_eq!(
        momentum.optimizer.rule,
        OptimizerRule::Sgd {
            momentum: 0.9,
            nesterov: true
        }
    );
    // Compiled with 0.5, which Keras does not save: it loads as 1 there, too, and the archive says so in a note.
    assert_eq!(momentum.loss, Loss::Huber { delta: 1.0 });
    let rms = read_fixture("tokens").spec.compile.optimizer.rule;
    assert_eq!(
        rms,
        OptimizerRule::RmsProp {
            rho: 0.9,
            momentum: 0.5,
            epsilon: 1e-7,
            centered: true
        }
    );
}

#[test]
fn files_without_layer_names_are_mapped_by_class_and_count() {
    let (named, unnamed) = (read_fixture("images"), read_fixture("unnamed"));
    assert_eq!(named.weights, unnamed.weights);
    assert_eq!(named.optimizer, unnamed.optimizer);
}

#[test]
fn what_is_written_reads_back_and_is_the_same_bytes_each_time() {
    for name in MODELS {
        let mut archive = read_fixture(name);
        let state = state_of(&archive);
        let bytes = write(&archive, &archive.weights, &state).unwrap();
        archive.optimizer = Some(state.clone());
        assert_eq!(bytes, write(&archive, &archive.weights, &state).unwrap());
        assert_eq!(
            read(&bytes, &DataLimits::default()).unwrap(),
            archive,
            "{name}"
        );
    }
}

#[test]
fn weights_of_another_model_are_not_written() {
    let (archive, other) = (read_fixture("sgd"), read_fixture("table"));
    let state = archive.optimizer.clone().unwrap();
    assert_eq!(
        write(&archive, &other.weights, &state).unwrap_err().code,
        "trainer.archive"
    );
    let state = other.optimizer.unwrap();
    assert_eq!(
        write(&archive, &archive.weights, &state).unwrap_err().code,
        "trainer.archive"
    );
    assert!(safetensors(&archive.spec, &other.weights).is_err());
}

#[test]
fn safetensors_are_sorted_aligned_and_equal_to_the_weights() {
    let archive = read_fixture("images");
    let bytes = safetensors(&archive.spec, &archive.weights).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header % 8, 0);
    let tensors = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let in_order = tensors
        .iter()
        .map(|(n, t)| (t.data().as_ptr(), n))
        .collect::<std::collections::BTreeMap<_, _>>();
    let names: Vec<&str> = in_order.values().copied().collect();
    assert!(names.is_sorted(), "{names:?}");
    let kernel = tensors.tensor("first/kernel").unwrap();
    assert_eq!(kernel.shape(), [3, 3, 2, 4]);
    let index = archive
        .spec
        .layers
        .iter()
        .position(|l| l.name == "first")
        .unwrap();
    let wanted: Vec<u8> = archive.weights.layers[index][0]
        .data
        .iter()
        .flat_map(|n| n.to_le_bytes())
        .collect();
    assert_eq!(kernel.data(), wanted);
}

#[test]
fn the_architecture_names_every_tensor() {
    let archive = read_fixture("table");
    let json: Value = serde_json::from_slice(&architecture(&archive.spec).unwrap()).unwrap();
    assert_eq!(json["format"], "assay-model");
    assert_eq!(json["version"], 1);
    assert_eq!(json["input"]["shape"], serde_json::json!([5]));
    assert_eq!(json["output"]["layer"], "dense_2");
    assert_eq!(json["training"]["optimizer"]["learning_rate"], 0.001);
    let bytes = safetensors(&archive.spec, &archive.weights).unwrap();
    let tensors = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let layers = json["layers"].as_array().unwrap();
    let named: Vec<&Value> = layers
        .iter()
        .flat_map(|l| l["weights"].as_array().unwrap())
        .collect();
    assert_eq!(named.len(), tensors.len());
    for weight in named {
        let tensor = tensors.tensor(weight["tensor"].as_str().unwrap()).unwrap();
        assert_eq!(tensor.shape(), shape_of(weight));
    }
}

#[test]
fn the_task_follows_from_loss_and_output() {
    use assay_protocol::Task;
    for (name, task) in [
        ("images", Task::MulticlassClassification),
        ("table", Task::BinaryClassification),
        ("sgd", Task::Regression),
    ] {
        assert_eq!(summary(&read_fixture(name).spec).task, task);
    }
}

/// A configuration as a person would write it, without what Keras fills in.
fn small_config() -> Value {
    serde_json::json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "small", "layers": [
            {"module": "keras.layers", "class_name": "InputLayer", "config": {"name": "rows", "batch_shape": [null, 4]}},
            {"module": "keras.layers", "class_name": "Dense", "config": {"name": "hidden", "units": 8, "activation": "relu"}},
            {"module": "keras.layers", "class_name": "BatchNormalization", "config": {"name": "norm"}},
            {"module": "keras.layers", "class_name": "Dropout", "config": {"name": "drop", "rate": 0.5}},
            {"module": "keras.layers", "class_name": "Dense", "config": {"name": "out", "units": 3, "activation": "softmax"}},
        ]},
        "compile_config": {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]},
    })
}

#[test]
fn an_untrained_model_depends_on_the_seed_alone() {
    let config = small_config();
    let bytes = untrained(&config, 7).unwrap();
    assert_eq!(bytes, untrained(&config, 7).unwrap());
    assert_ne!(bytes, untrained(&config, 8).unwrap());
    let archive = read(&bytes, &DataLimits::default()).unwrap();
    let limit = (6.0f32 / (4.0 + 8.0)).sqrt();
    let kernel = &archive.weights.layers[1][0].data;
    assert!(kernel.iter().all(|n| n.abs() <= limit));
    assert!(kernel.iter().any(|n| n.abs() > limit / 2.0) && kernel.iter().any(|n| *n < 0.0));
    assert_eq!(archive.weights.layers[1][1].data, [0.0; 8]);
    let ones_then_zeros: Vec<f32> = archive.weights.layers[2]
        .iter()
        .map(|a| a.data[0])
        .collect();
    assert_eq!(ones_then_zeros, [1.0, 0.0, 0.0, 1.0]);
    let state = archive.optimizer.unwrap();
    assert_eq!((state.iterations, state.slots.len()), (0, 2 * 6));
}

#[test]
fn a_deep_model_reads_back() {
    let mut config = small_config();
    let layers = config["config"]["layers"].as_array_mut().unwrap();
    for i in 0..1500 {
        let dense = serde_json::json!({"module": "keras.layers", "class_name": "Dense",
            "config": {"name": format!("a_rather_long_name_of_a_layer_{i}"), "units": 2}});
        layers.push(dense);
    }
    let archive = read(&untrained(&config, 1).unwrap(), &DataLimits::default()).unwrap();
    assert_eq!(archive.weights, initial_weights(&archive.spec, 1));
    assert_eq!(archive.optimizer.unwrap().slots.len(), 2 * (6 + 2 * 1500));
}
