//! Making a model from its configuration: Keras' default initial values, drawn from a seed.

use assay_protocol::{DataLimits, Fault};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;

use super::write::write;
use super::{KerasArchive, fresh_state, model};
use crate::spec::{Array, ModelSpec, WeightSpec, Weights};

/// Keras' range of the `uniform` initializer.
const EMBEDDING_RANGE: f32 = 0.05;

/// An untrained `.keras` archive of the model that `config` (the content of `config.json`, compile
/// configuration included) describes, which Keras 3 and this trainer load.
///
/// Kernels are Glorot-uniform, embeddings uniform in ±0.05, biases, betas and moving means zero, gammas and
/// moving variances one: Keras' defaults, whatever initializers the configuration names. Equal configuration
/// and seed give equal bytes; the numbers are not those that Keras draws from the same seed.
///
/// # Errors
/// The fault that reading such a model would give.
pub fn untrained(config: &Value, seed: u64) -> Result<Vec<u8>, Fault> {
    let spec = model::read(config, None, &DataLimits::default())?;
    let weights = initial_weights(&spec, seed);
    let state = fresh_state(&spec);
    let json = |value: &Value| {
        serde_json::to_vec(value).map_err(|e| {
            Fault::without_field("trainer.archive", format!("writing config.json: {e}"))
        })
    };
    let archive = KerasArchive {
        config: json(config)?,
        metadata: json(&serde_json::json!({
            "generator": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
        }))?,
        spec,
        weights: Weights::default(),
        optimizer: None,
        notes: Vec::new(),
    };
    write(&archive, &weights, &state)
}

/// Keras' default initial values of every weight, each from a stream of its own, so that changing one layer leaves the others.
pub fn initial_weights(spec: &ModelSpec, seed: u64) -> Weights {
    let mut stream = 0;
    let layers = spec
        .layers
        .iter()
        .map(|layer| {
            layer
                .weights
                .iter()
                .map(|weight| {
                    let mut rng = ChaCha8Rng::seed_from_u64(seed);
                    rng.set_stream(stream);
                    stream += 1;
                    initial(weight, &mut rng)
                })
                .collect()
        })
        .collect();
    Weights { layers }
}

fn initial(weight: &WeightSpec, rng: &mut ChaCha8Rng) -> Array {
    let n = weight.shape.iter().product();
    let data = match weight.name {
        "kernel" => uniform(n, glorot_limit(&weight.shape), rng),
        "embeddings" => uniform(n, EMBEDDING_RANGE, rng),
        "gamma" | "moving_variance" => vec![1.0; n],
        _ => vec![0.0; n],
    };
    Array {
        shape: weight.shape.clone(),
        data,
    }
}

/// `sqrt(6 / (fan_in + fan_out))` with Keras' fans: the last two axes, times the receptive field.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a scale of random numbers"
)]
fn glorot_limit(shape: &[usize]) -> f32 {
    let (field, ends) = shape.split_at(shape.len().saturating_sub(2));
    let field: usize = field.iter().product();
    let fans: usize = ends.iter().sum();
    (6.0 / (field as f64 * fans as f64)).sqrt() as f32
}

fn uniform(n: usize, limit: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    (0..n)
        .map(|_| {
            #[expect(clippy::cast_precision_loss, reason = "24 bits fit an f32 exactly")]
            let unit = (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
            (2.0 * unit - 1.0) * limit
        })
        .collect()
}
