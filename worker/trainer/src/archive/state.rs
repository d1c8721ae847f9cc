//! What an optimizer remembers, in Keras' order.

use crate::spec::{Array, ModelSpec, OptimizerRule, OptimizerState};

/// Shapes of the arrays after iterations and learning rate, in the order of Keras' `optimizer/vars`.
///
/// Adam and `AdamW` keep momentum and velocity side by side for each trainable weight, then (with `amsgrad`)
/// all largest velocities; SGD with momentum one array a weight; `RMSprop` all velocities, then all momentums
/// (if any), then (if `centered`) all average gradients.
pub fn slot_shapes(spec: &ModelSpec) -> Vec<Vec<usize>> {
    let weights: Vec<&Vec<usize>> = spec
        .layers
        .iter()
        .flat_map(|l| &l.weights)
        .filter(|w| w.trainable)
        .map(|w| &w.shape)
        .collect();
    let each = |times: usize| {
        weights
            .iter()
            .flat_map(move |shape| std::iter::repeat_n((*shape).clone(), times))
    };
    match spec.compile.optimizer.rule {
        OptimizerRule::Sgd { momentum, .. } => each(usize::from(momentum != 0.0)).collect(),
        OptimizerRule::Adam { amsgrad, .. } | OptimizerRule::AdamW { amsgrad, .. } => {
            each(2).chain(each(usize::from(amsgrad))).collect()
        }
        OptimizerRule::RmsProp {
            momentum, centered, ..
        } => each(1)
            .chain(each(usize::from(momentum > 0.0)))
            .chain(each(usize::from(centered)))
            .collect(),
    }
}

/// The state of an optimizer that has taken no step: all zeros, as in Keras.
pub fn fresh_state(spec: &ModelSpec) -> OptimizerState {
    let slots = slot_shapes(spec)
        .into_iter()
        .map(|shape| {
            let n = shape.iter().product();
            Array {
                shape,
                data: vec![0.0; n],
            }
        })
        .collect();
    OptimizerState {
        iterations: 0,
        learning_rate: spec.compile.optimizer.learning_rate,
        slots,
    }
}
