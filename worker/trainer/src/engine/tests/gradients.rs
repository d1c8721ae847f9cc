//! Every gradient against central finite differences of the loss.

use super::cases::{Case, golden};
use crate::engine::Engine;
use crate::spec::{LayerKind, ModelSpec, Weights};

/// Numbers of a weight that are tried.
const TRIED: usize = 4;
/// Steps of the difference quotient. A kink (relu, pooling, absolute error) may lie in one, so any may agree.
const STEPS: [f32; 3] = [1e-2, 3e-3, 1e-3];

fn loss(case: &Case, spec: &ModelSpec, weights: Weights) -> f64 {
    let mut engine = Engine::new(spec, weights, None, 3)
        .unwrap()
        .with_threads(1)
        .unwrap();
    engine.begin_epoch(0);
    engine
        .train_batch(case.x.clone(), &case.labels())
        .unwrap()
        .loss
}

/// The difference quotient of the loss by number `at` of a weight.
fn quotient(case: &Case, spec: &ModelSpec, place: (usize, usize), at: usize, step: f32) -> f64 {
    let moved = |by: f32| {
        let mut weights = case.weights();
        weights.layers[place.0][place.1].data[at] += by;
        loss(case, spec, weights)
    };
    (moved(step) - moved(-step)) / f64::from(2.0 * step)
}

fn check(case: &Case, spec: &ModelSpec) {
    let mut engine = Engine::new(spec, case.weights(), None, 3).unwrap();
    engine.begin_epoch(0);
    let (_, gradients) = engine.probe(case.x.clone(), &case.labels());
    assert!(!gradients.is_empty());
    for (layer, weight, gradient) in gradients {
        for at in (0..gradient.len()).step_by(gradient.len().div_ceil(TRIED)) {
            let exact = f64::from(gradient[at]);
            let near = STEPS.iter().any(|&step| {
                let quotient = quotient(case, spec, (layer, weight), at, step);
                (quotient - exact).abs() <= 1e-3 + 1e-2 * exact.abs()
            });
            assert!(
                near,
                "{}: gradient {exact} of weight {weight} of layer {layer}",
                case.name
            );
        }
    }
}

#[test]
fn of_every_layer_and_loss() {
    for case in golden().cases {
        // Behind inputs this large every step crosses a kink; the golden numbers cover it.
        if !case.name.contains(" far ") {
            check(&case, &case.spec());
        }
    }
}

#[test]
fn of_dropout_under_one_mask() {
    let case = golden()
        .cases
        .into_iter()
        .find(|case| case.name == "functional")
        .unwrap();
    let mut spec = case.spec();
    for layer in &mut spec.layers {
        if let LayerKind::Dropout { rate } = &mut layer.kind {
            *rate = 0.5;
        }
    }
    assert_ne!(
        loss(&case, &spec, case.weights()),
        loss(&case, &case.spec(), case.weights())
    );
    check(&case, &spec);
}
