//! The numbers of `golden.json`, which Keras computed on TensorFlow.

use assay_protocol::Parameters;

use super::Table;
use super::cases::{Case, golden, numbers};
use crate::engine::metrics::Metrics;
use crate::engine::{Engine, random, train};

/// The largest difference, relative to numbers above 1.
fn difference(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let each = got
        .iter()
        .zip(want)
        .map(|(&g, &w)| (f64::from(g) - w).abs() / w.abs().max(1.0));
    each.fold(0.0, f64::max)
}

fn close(case: &Case, what: &str, got: &[f32], tolerance: f64) {
    let off = difference(got, &numbers(&case.rest[what]));
    assert!(off <= tolerance, "{}: {what} is off by {off:e}", case.name);
}

#[test]
fn predictions_steps_and_states_are_those_of_keras() {
    for case in golden().cases {
        let mut engine = Engine::new(&case.spec(), case.weights(), None, 0).unwrap();
        let predicted = engine.predict(&case.x, case.rows).unwrap();
        close(&case, "predicted", &predicted, 2e-6);
        engine.begin_epoch(0);
        for want in numbers(&case.rest["losses"]) {
            let loss = engine
                .train_batch(case.x.clone(), &case.labels())
                .unwrap()
                .loss;
            let off = (loss - want).abs() / want.abs().max(1.0);
            assert!(off <= 3e-6, "{}: loss {loss} should be {want}", case.name);
        }
        let weights: Vec<f32> = engine
            .weights()
            .layers
            .iter()
            .flatten()
            .flat_map(|array| array.data.clone())
            .collect();
        close(&case, "weights_after", &weights, 1e-5);
        let predicted = engine.predict(&case.x, case.rows).unwrap();
        close(&case, "predicted_after", &predicted, 3e-5);
        let state = engine.optimizer_state();
        let want = &case.rest["optimizer_after"];
        assert_eq!(
            Some(state.iterations),
            want["iterations"].as_i64(),
            "{}",
            case.name
        );
        let slots: Vec<f32> = state
            .slots
            .iter()
            .flat_map(|slot| slot.data.clone())
            .collect();
        let off = difference(&slots, &numbers(&want["slots"]));
        assert!(
            off <= 1e-5,
            "{}: the optimizer's state is off by {off:e}",
            case.name
        );
        evaluated(&case, &engine);
    }
}

/// Loss and metrics in inference mode.
fn evaluated(case: &Case, engine: &Engine) {
    let batch = engine.test_batch(case.x.clone(), &case.labels()).unwrap();
    let mut metrics = Metrics::new(&case.spec().compile.metrics);
    metrics.add(batch.loss, &batch.output, &batch.targets);
    let want = case.rest["evaluated"].as_object().unwrap();
    let results = metrics.results();
    assert_eq!(results.len(), want.len(), "{}", case.name);
    for (name, value) in results {
        let want = want[&name].as_f64().unwrap();
        // From 8 digits of a weight that moved, at inputs of up to 90.
        let off = (value - want).abs() / want.abs().max(1.0);
        assert!(
            off <= 1e-4,
            "{}: {name} {value} should be {want}",
            case.name
        );
    }
}

#[test]
fn a_state_that_was_read_back_goes_on_as_if_nothing_had_happened() {
    for case in golden()
        .cases
        .iter()
        .filter(|case| case.name.starts_with("optimizer"))
    {
        let mut through = Engine::new(&case.spec(), case.weights(), None, 0).unwrap();
        let mut first = Engine::new(&case.spec(), case.weights(), None, 0).unwrap();
        for _ in 0..2 {
            through.train_batch(case.x.clone(), &case.labels()).unwrap();
            first.train_batch(case.x.clone(), &case.labels()).unwrap();
        }
        let state = Some(first.optimizer_state());
        let mut second = Engine::new(&case.spec(), first.weights(), state, 0).unwrap();
        through.train_batch(case.x.clone(), &case.labels()).unwrap();
        second.train_batch(case.x.clone(), &case.labels()).unwrap();
        assert_eq!(through.weights(), second.weights(), "{}", case.name);
        assert_eq!(
            through.optimizer_state(),
            second.optimizer_state(),
            "{}",
            case.name
        );
    }
}

#[test]
fn the_history_of_a_whole_training_is_that_of_fit() {
    let case = golden().fit;
    let value = |key: &str| case.rest[key].as_f64().unwrap();
    let parameters = Parameters {
        epochs: value("epochs") as u32,
        batch_size: value("batch_size") as u32,
        validation_split: value("validation_split"),
        seed: value("seed") as u64,
        ..Parameters::default()
    };
    let spec = case.spec();
    let table = Table {
        shape: vec![4],
        x: case.x.clone(),
        y: case.labels(),
    };
    let split = random::split(
        case.rows as u32,
        parameters.validation_split,
        parameters.seed,
    );
    let mut engine = Engine::new(&spec, case.weights(), None, parameters.seed).unwrap();
    let mut reported = 0;
    let history = train(
        &mut engine,
        &table,
        &split,
        &parameters,
        None,
        &mut |epoch| {
            reported += 1;
            let report = epoch.report;
            assert_eq!((report.epoch, report.of), (reported, parameters.epochs));
            assert_eq!(report.metrics.len(), 4);
            Ok(())
        },
    )
    .unwrap();
    assert_eq!(reported, parameters.epochs);
    let names: Vec<&str> = history.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accuracy", "loss", "val_accuracy", "val_loss"]);
    for (name, values) in history.iter() {
        for (got, want) in values.iter().zip(numbers(&case.rest["history"][name])) {
            // Rounding, after 15 steps of Adam.
            assert!((got - want).abs() < 1e-4, "{name}: {got} should be {want}");
        }
    }
}
