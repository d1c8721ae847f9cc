use std::collections::HashMap;

use assay_protocol::Parameters;
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView, serialize};

use super::*;
use crate::archive::{initial_weights, untrained};
use crate::engine::History;
use crate::spec::{Array, ModelSpec};

const OF: &str = "this training";

fn spec() -> ModelSpec {
    let layer = |class: &str, config: serde_json::Value| serde_json::json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null});
    let config = serde_json::json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "small", "trainable": true, "dtype": "float32", "layers": [
            layer("InputLayer", serde_json::json!({"batch_shape": [null, 3], "dtype": "float32", "name": "in"})),
            layer("Dense", serde_json::json!({"name": "out", "trainable": true, "dtype": "float32", "units": 2,
                "activation": "linear", "use_bias": true})),
        ]},
        "compile_config": {"optimizer": "adam", "loss": "mse", "metrics": []},
    });
    let archive = untrained(&config, 1).unwrap();
    crate::archive::read(&archive, &assay_protocol::DataLimits::default())
        .unwrap()
        .spec
}

fn parameters() -> Parameters {
    Parameters {
        epochs: 5,
        initial_epoch: 1,
        ..Parameters::default()
    }
}

fn checkpoint(spec: &ModelSpec) -> Checkpoint {
    let mut state = crate::archive::fresh_state(spec);
    state.iterations = 12;
    for (place, slot) in state.slots.iter_mut().enumerate() {
        slot.data.fill(place as f32 + 0.25);
    }
    Checkpoint {
        epoch: 3,
        weights: initial_weights(spec, 3),
        optimizer: state,
        history: History::of(vec![
            ("loss".to_owned(), vec![0.1, f64::NAN]),
            ("val_loss".to_owned(), vec![0.3]),
        ]),
        transcript: vec![[0; 32], [1; 32], [2; 32]],
    }
}

fn bytes(of: &Checkpoint) -> Vec<u8> {
    write(OF, of).unwrap()
}

fn unfit(bytes: &[u8], of: &str, parameters: &Parameters) -> String {
    read(bytes, of, &spec(), parameters)
        .unwrap_err()
        .to_string()
}

#[test]
fn what_is_written_is_read_bit_for_bit() {
    let spec = spec();
    let written = checkpoint(&spec);
    let file = bytes(&written);
    assert!(file.len() as u64 > size(&spec));
    assert!(file.len() as u64 <= largest(&spec, &parameters()));
    let read = read(&file, OF, &spec, &parameters()).unwrap();
    // NaN is not equal to itself, but its bits are.
    assert_eq!(bytes(&read), file);
    assert_eq!(read.weights, written.weights);
    assert_eq!(read.optimizer, written.optimizer);
}

#[test]
fn another_trainings_checkpoint_is_not_gone_on_from() {
    let file = bytes(&checkpoint(&spec()));
    assert!(unfit(&file, "another", &parameters()).contains("another training"));
    for parameters in [
        Parameters {
            epochs: 2,
            ..parameters()
        },
        Parameters {
            initial_epoch: 3,
            ..parameters()
        },
    ] {
        assert!(unfit(&file, OF, &parameters).contains("epoch"));
    }
}

#[test]
fn what_does_not_fit_the_model_is_refused() {
    let spec = spec();
    let change = |change: &dyn Fn(&mut Checkpoint)| {
        let mut changed = checkpoint(&spec);
        change(&mut changed);
        unfit(&bytes(&changed), OF, &parameters())
    };
    let one = |n: usize| Array {
        shape: vec![n],
        data: vec![0.0; n],
    };
    assert!(change(&|c| c.weights.layers[1][0] = one(6)).contains("is due"));
    assert!(change(&|c| c.weights.layers[1].truncate(1)).contains("missing"));
    assert!(change(&|c| c.optimizer.slots.push(one(1))).contains("more than"));
    assert!(change(&|c| c.optimizer.iterations = -1).contains("more than"));
    let long = || History::of(vec![("loss".to_owned(), vec![0.0; 3])]);
    assert!(change(&|c| c.history = long()).contains("an epoch"));
    let many = || (0..9).map(|n| (n.to_string(), vec![0.0])).collect();
    assert!(change(&|c| c.history = History::of(many())).contains("more metrics"));
}

#[test]
fn a_header_that_lies_is_refused() {
    let mut file = bytes(&checkpoint(&spec()));
    file[..8].copy_from_slice(&(90_u64 << 20).to_le_bytes());
    assert!(unfit(&file, OF, &parameters()).contains("header"));
    let numbers = [0_u8; 4];
    let tensor = || [("x", TensorView::new(Dtype::F32, vec![1], &numbers).unwrap())];
    let nameless = serialize(tensor(), None).unwrap();
    assert!(unfit(&nameless, OF, &parameters()).contains("what it is of"));
    let wrong = HashMap::from([(HEAD.to_owned(), "{}".to_owned())]);
    let wrong = serialize(tensor(), Some(wrong)).unwrap();
    assert!(unfit(&wrong, OF, &parameters()).contains("malformed"));
}

proptest! {
    #[test]
    fn no_change_of_a_byte_does_any_harm(at: prop::sample::Index, to: u8, cut: prop::sample::Index) {
        let spec = spec();
        let mut file = bytes(&checkpoint(&spec));
        let at = at.index(file.len());
        file[at] = to;
        let _ = read(&file, OF, &spec, &parameters());
        let _ = read(&file[..cut.index(file.len())], OF, &spec, &parameters());
    }
}
