//! The accelerator's layers, gradients and optimizers, on candle's CPU device: against Keras' golden numbers, and
//! against the engine's own layers.

use assay_protocol::Parameters;

use super::cases::{Case, golden, numbers};
use super::determinism::{adam, model, table, weights};
use crate::engine::device::Device;
use crate::engine::{Engine, random, train};
use crate::spec::{LayerKind, ModelSpec};

fn engine(case: &Case, spec: &ModelSpec, device: &Device) -> Engine {
    let mut engine = Engine::new(spec, case.weights(), None, 3).unwrap();
    engine.move_to(device).unwrap();
    engine
}

fn accelerated() -> Device {
    Device::Candle(candle_core::Device::Cpu)
}

#[track_caller]
fn close(name: &str, what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{name}: {what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*got) - want).abs() / want.abs().max(1.0);
        assert!(
            off <= tolerance,
            "{name}: {what}[{at}] is {got}, not {want}"
        );
    }
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| f64::from(number)).collect()
}

#[test]
fn predictions_steps_and_states_are_those_of_keras() {
    for case in golden().cases {
        let mut engine = engine(&case, &case.spec(), &accelerated());
        let want = |what: &str| numbers(&case.rest[what]);
        let predicted = engine.predict(&case.x, case.rows).unwrap();
        close(
            &case.name,
            "predicted",
            &predicted,
            &want("predicted"),
            5e-6,
        );
        engine.begin_epoch(0);
        for want in want("losses") {
            let batch = engine.train_batch(case.x.clone(), &case.labels()).unwrap();
            let off = (batch.loss - want).abs() / want.abs().max(1.0);
            assert!(
                off <= 1e-5,
                "{}: loss {} should be {want}",
                case.name,
                batch.loss
            );
        }
        engine.end_epoch().unwrap();
        let layers = engine.weights().layers;
        let weights: Vec<f32> = layers
            .iter()
            .flatten()
            .flat_map(|array| array.data.clone())
            .collect();
        close(
            &case.name,
            "weights",
            &weights,
            &want("weights_after"),
            3e-5,
        );
        let state = engine.optimizer_state();
        let expected = &case.rest["optimizer_after"];
        assert_eq!(
            Some(state.iterations),
            expected["iterations"].as_i64(),
            "{}",
            case.name
        );
        let slots: Vec<f32> = state
            .slots
            .iter()
            .flat_map(|slot| slot.data.clone())
            .collect();
        close(
            &case.name,
            "state",
            &slots,
            &numbers(&expected["slots"]),
            3e-5,
        );
    }
}

#[test]
fn gradients_are_those_of_the_layers_of_the_cpu() {
    for case in golden().cases {
        let mut spec = case.spec();
        for layer in &mut spec.layers {
            if let LayerKind::Dropout { rate } = &mut layer.kind {
                *rate = 0.5;
            }
        }
        let gradients = |device: &Device| {
            let mut engine = engine(&case, &spec, device);
            engine.begin_epoch(0);
            engine.probe(case.x.clone(), &case.labels())
        };
        let (loss, ours) = gradients(&Device::Cpu);
        let (device_loss, theirs) = gradients(&accelerated());
        assert!(
            (loss - device_loss).abs() <= 1e-5 * loss.abs().max(1.0),
            "{}",
            case.name
        );
        assert_eq!(ours.len(), theirs.len());
        for ((layer, weight, want), (.., got)) in ours.iter().zip(&theirs) {
            let what = format!("gradient of weight {weight} of layer {layer}");
            close(&case.name, &what, got, &wide(want), 2e-5);
        }
    }
}

#[test]
fn a_whole_training_ends_where_that_of_the_cpu_ends() {
    let (spec, table) = (model(adam()), table(64));
    let weights = weights(&spec);
    let parameters = Parameters {
        epochs: 3,
        batch_size: 16,
        ..Parameters::default()
    };
    let split = random::split(64, parameters.validation_split, parameters.seed);
    let run = |device: &Device| {
        let mut engine = Engine::new(&spec, weights.clone(), None, 7).unwrap();
        engine.move_to(device).unwrap();
        let history = train(&mut engine, &table, &split, &parameters, None, &mut |_| {
            Ok(())
        })
        .unwrap();
        let last: Vec<(String, f64)> = (history.iter())
            .map(|(name, values)| (name.to_owned(), *values.last().unwrap()))
            .collect();
        (last, engine.weights())
    };
    let (ours, cpu) = run(&Device::Cpu);
    let (theirs, device) = run(&accelerated());
    for ((name, want), (_, got)) in ours.iter().zip(&theirs) {
        assert!(
            (want - got).abs() <= 1e-3 * want.abs().max(1.0),
            "{name}: {got}, not {want}"
        );
    }
    for (want, got) in cpu
        .layers
        .iter()
        .flatten()
        .zip(device.layers.iter().flatten())
    {
        close("large", "weights", &got.data, &wide(&want.data), 5e-3);
    }
}

#[test]
fn without_cuda_a_gpu_is_refused_with_the_reason() {
    if cfg!(feature = "cuda") {
        return;
    }
    let fault = Device::cuda().unwrap_err();
    assert_eq!(fault.code, "trainer.device");
    assert!(fault.message.contains("without CUDA"), "{}", fault.message);
}
