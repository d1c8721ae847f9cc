//! The same bits on 1, 2, 3 and 4 threads, with layers large enough to be worked on by several.

use assay_protocol::Parameters;
use rand_chacha::rand_core::Rng;

use super::Table;
use crate::engine::{Engine, Labels, random, train};
use crate::spec::*;

const RATE: f32 = 0.25;

fn layer(
    name: &str,
    kind: LayerKind,
    shape: &[usize],
    weights: &[(&'static str, &[usize])],
) -> LayerSpec {
    let weight = |&(name, shape): &(&'static str, &[usize])| WeightSpec {
        name,
        shape: shape.to_vec(),
        trainable: !name.starts_with("moving"),
    };
    LayerSpec {
        name: name.to_owned(),
        class: String::new(),
        kind,
        inputs: Vec::new(),
        trainable: true,
        output_shape: shape.to_vec(),
        weights: weights.iter().map(weight).collect(),
    }
}

fn convolution(activation: Activation) -> LayerKind {
    LayerKind::Conv2d {
        filters: 16,
        kernel: [3, 3],
        strides: [1, 1],
        padding: Padding::Same,
        dilation: [1, 1],
        use_bias: true,
        activation,
    }
}

fn dense(units: usize, activation: Activation) -> LayerKind {
    LayerKind::Dense {
        units,
        use_bias: true,
        activation,
    }
}

fn layers() -> Vec<LayerSpec> {
    let batch_norm = LayerKind::BatchNormalization {
        axis: 2,
        momentum: 0.9,
        epsilon: 1e-3,
        center: true,
        scale: true,
    };
    let pooling = LayerKind::MaxPooling2d {
        pool: [2, 2],
        strides: [2, 2],
        padding: Padding::Valid,
    };
    let c: &[usize] = &[16];
    let mut layers = vec![
        layer("input", LayerKind::Input, &[20, 20, 3], &[]),
        layer(
            "conv",
            convolution(Activation::Relu),
            &[20, 20, 16],
            &[("kernel", &[3, 3, 3, 16]), ("bias", c)],
        ),
        layer(
            "norm",
            batch_norm,
            &[20, 20, 16],
            &[
                ("gamma", c),
                ("beta", c),
                ("moving_mean", c),
                ("moving_variance", c),
            ],
        ),
        layer(
            "again",
            convolution(Activation::Swish),
            &[20, 20, 16],
            &[("kernel", &[3, 3, 16, 16]), ("bias", c)],
        ),
        layer("pool", pooling, &[10, 10, 16], &[]),
        layer("flat", LayerKind::Flatten, &[1600], &[]),
        layer("drop", LayerKind::Dropout { rate: RATE }, &[1600], &[]),
        layer(
            "dense",
            dense(96, Activation::Gelu { approximate: false }),
            &[96],
            &[("kernel", &[1600, 96]), ("bias", &[96])],
        ),
        layer(
            "out",
            dense(5, Activation::Softmax),
            &[5],
            &[("kernel", &[96, 5]), ("bias", &[5])],
        ),
    ];
    for (index, layer) in layers.iter_mut().enumerate().skip(1) {
        layer.inputs = vec![index - 1];
    }
    layers
}

pub(super) fn model(rule: OptimizerRule) -> ModelSpec {
    let layers = layers();
    ModelSpec {
        name: "large".to_owned(),
        class: ModelClass::Sequential,
        output: layers.len() - 1,
        layers,
        compile: compile(rule),
        keras_version: None,
    }
}

pub(super) fn adam() -> OptimizerRule {
    OptimizerRule::Adam {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-7,
        amsgrad: false,
    }
}

fn compile(rule: OptimizerRule) -> CompileSpec {
    CompileSpec {
        optimizer: Optimizer {
            rule,
            learning_rate: 1e-3,
            weight_decay: None,
            clip: Some(Clip::GlobalNorm(1.0)),
        },
        loss: Loss::SparseCategoricalCrossentropy { from_logits: false },
        metrics: vec![Metric {
            name: "accuracy".to_owned(),
            kind: MetricKind::SparseCategoricalAccuracy,
        }],
    }
}

/// Numbers from -1 to 1 of a stream of their own.
fn numbers(name: &str, count: usize) -> Vec<f32> {
    let mut stream = random::stream(name, 1, None);
    (0..count)
        .map(|_| stream.next_u32() as f32 / 2f32.powi(31) - 1.0)
        .collect()
}

pub(super) fn table(rows: usize) -> Table {
    Table {
        shape: vec![20, 20, 3],
        x: numbers("x", rows * 20 * 20 * 3),
        y: Labels::Classes((0..rows as u32).map(|row| row % 5).collect()),
    }
}

pub(super) fn weights(spec: &ModelSpec) -> Weights {
    let array = |layer: &LayerSpec, weight: &WeightSpec| {
        let count: usize = weight.shape.iter().product();
        let fan = (count / weight.shape.last().copied().unwrap_or(1)).max(1);
        let scale = 1.0 / (fan as f32).sqrt();
        let raw = numbers(&format!("{}/{}", layer.name, weight.name), count);
        let data = match weight.name {
            "gamma" | "moving_variance" => vec![1.0; count],
            "kernel" => raw.iter().map(|x| x * scale).collect(),
            _ => vec![0.0; count],
        };
        Array {
            shape: weight.shape.clone(),
            data,
        }
    };
    let layers = spec.layers.iter();
    Weights {
        layers: layers
            .map(|l| l.weights.iter().map(|w| array(l, w)).collect())
            .collect(),
    }
}

fn trained(threads: usize, seed: u64) -> (Vec<u32>, String, Vec<u32>) {
    let spec = model(adam());
    let rows = 90;
    let table = table(rows);
    let parameters = Parameters {
        epochs: 2,
        batch_size: 32,
        seed,
        ..Parameters::default()
    };
    let split = random::split(rows as u32, parameters.validation_split, seed);
    let engine = Engine::new(&spec, weights(&spec), None, seed).unwrap();
    let mut engine = engine.with_threads(threads).unwrap();
    assert_eq!(engine.threads(), threads);
    let history = train(&mut engine, &table, &split, &parameters, None, &mut |_| {
        Ok(())
    })
    .unwrap();
    let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect::<Vec<u32>>();
    let all = engine
        .weights()
        .layers
        .concat()
        .iter()
        .flat_map(|array| bits(&array.data))
        .collect();
    let predicted = bits(&engine.predict(&table.x, rows).unwrap());
    (all, serde_json::to_string(&history).unwrap(), predicted)
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let one = trained(1, 5);
    for threads in 2..=4 {
        assert!(trained(threads, 5) == one, "{threads} threads");
    }
}

#[test]
fn another_seed_gives_other_weights() {
    assert_ne!(trained(2, 5).0, trained(2, 6).0);
}
