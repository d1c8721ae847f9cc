use assay_protocol::{Fault, Parameters};

use super::Table;
use super::cases::{Case, golden};
use crate::engine::{Engine, Labels, Split, train};
use crate::spec::{LayerKind, ModelSpec, OptimizerState};

fn case(name: &str) -> Case {
    golden()
        .cases
        .into_iter()
        .find(|case| case.name == name)
        .unwrap()
}

fn refused(spec: &ModelSpec, case: &Case, state: Option<OptimizerState>) -> Fault {
    Engine::new(spec, case.weights(), state, 0).unwrap_err()
}

fn train_once(case: &Case, parameters: &Parameters) -> Fault {
    let spec = case.spec();
    let mut engine = Engine::new(&spec, case.weights(), None, 0).unwrap();
    let rows = (0..case.rows as u32).collect();
    let table = Table {
        shape: spec.layers[0].output_shape.clone(),
        x: case.x.clone(),
        y: case.labels(),
    };
    let split = Split {
        training: rows,
        validation: Vec::new(),
    };
    train(&mut engine, &table, &split, parameters, None, &mut |_| {
        Ok(())
    })
    .unwrap_err()
}

#[test]
fn a_weight_without_a_gradient_is_named() {
    // The second convolution's output leads nowhere once the addition takes the first one twice.
    let case = case("functional");
    let mut spec = case.spec();
    for layer in &mut spec.layers {
        let fixed = match layer.kind {
            LayerKind::Add => vec![1, 1],
            LayerKind::Multiply => vec![1, 1, 1],
            LayerKind::Concatenate { axis: 2 } => vec![layer.inputs[0], layer.inputs[1], 1],
            _ => continue,
        };
        layer.inputs = fixed;
    }
    let mut engine = Engine::new(&spec, case.weights(), None, 0).unwrap();
    let fault = engine
        .train_batch(case.x.clone(), &case.labels())
        .unwrap_err();
    assert_eq!(fault.code, "trainer.no_gradient");
    assert!(fault.message.contains("kernel of layer conv2d"), "{fault}");
}

#[test]
fn a_loss_that_is_no_number_ends_the_training() {
    let mut case = case("mse");
    case.x[5] = f32::INFINITY;
    let parameters = Parameters {
        validation_split: 0.0,
        ..Parameters::default()
    };
    let fault = train_once(&case, &parameters);
    assert_eq!(fault.code, "training.diverged");
    assert_eq!(fault.field, None);
    assert!(fault.message.contains("epoch 1, batch 1"), "{fault}");
}

#[test]
fn a_nan_passes_through_relu_and_max_pooling_to_the_loss() {
    for name in ["dense relu", "max pooling", "global max"] {
        let mut case = case(name);
        case.x.fill(f32::NAN);
        let parameters = Parameters {
            validation_split: 0.0,
            ..Parameters::default()
        };
        assert_eq!(
            train_once(&case, &parameters).code,
            "training.diverged",
            "{name}"
        );
    }
}

#[test]
fn a_split_without_validation_rows_is_refused() {
    let fault = train_once(&case("mse"), &Parameters::default());
    assert_eq!(fault.code, "parameters.validation_split");
}

#[test]
fn an_embedding_refuses_numbers_outside_its_table() {
    for wrong in [-1.0, 6.0, f32::NAN, 1e30] {
        let mut case = case("embedding");
        case.x[3] = wrong;
        let engine = Engine::new(&case.spec(), case.weights(), None, 0).unwrap();
        let fault = engine.predict(&case.x, case.rows).unwrap_err();
        assert_eq!(fault.code, "dataset.index_out_of_range");
    }
}

#[test]
fn weights_states_and_graphs_that_do_not_fit_are_refused() {
    let case = case("optimizer adam");
    let mut spec = case.spec();
    spec.layers[1].weights[0].shape = vec![3, 4];
    assert_eq!(refused(&spec, &case, None).code, "model.weights");
    let state = OptimizerState {
        iterations: 1,
        learning_rate: 0.1,
        slots: Vec::new(),
    };
    assert_eq!(
        refused(&case.spec(), &case, Some(state)).code,
        "model.optimizer_state"
    );
    let mut spec = case.spec();
    spec.layers[1].inputs = vec![2];
    assert_eq!(refused(&spec, &case, None).code, "model.graph");
    let mut spec = case.spec();
    spec.output = 9;
    assert_eq!(refused(&spec, &case, None).code, "model.graph");
    let mut spec = case.spec();
    spec.layers[2].output_shape = vec![7];
    let engine = Engine::new(&spec, case.weights(), None, 0).unwrap();
    assert_eq!(
        engine.predict(&case.x, case.rows).unwrap_err().code,
        "model.shape"
    );
}

#[test]
fn rows_of_the_wrong_length_are_refused() {
    let case = case("mse");
    let engine = Engine::new(&case.spec(), case.weights(), None, 0).unwrap();
    assert_eq!(
        engine.predict(&case.x, case.rows + 1).unwrap_err().code,
        "trainer.rows"
    );
    let short = Labels::Values {
        width: 2,
        data: vec![0.0; 2],
    };
    assert!(engine.test_batch(case.x, &short).is_err());
}

#[test]
fn a_normalization_whose_weights_are_too_short_is_refused() {
    for name in ["batch norm", "layer norm"] {
        let case = case(name);
        let (mut spec, mut weights) = (case.spec(), case.weights());
        for (layer, arrays) in spec.layers.iter_mut().zip(&mut weights.layers) {
            if layer.class.ends_with("Normalization") {
                layer.weights[0].shape = vec![1];
                arrays[0].shape = vec![1];
                arrays[0].data.truncate(1);
            }
        }
        let engine = Engine::new(&spec, weights, None, 0).unwrap();
        let fault = engine.predict(&case.x, case.rows).unwrap_err();
        assert_eq!(fault.code, "trainer.arithmetic", "{name}");
    }
}
