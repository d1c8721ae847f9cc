//! `compile_config` → [`CompileSpec`], with Keras' defaults filled in.

mod loss;
mod metrics;
mod optimizer;

use assay_protocol::Fault;
use serde_json::Value;

use super::fault;
use super::graph::Entry;
use super::settings::Settings;
use crate::spec::CompileSpec;

pub(super) use loss::name as loss_name;

/// Reads what `Model.compile` was given. `output` is the index of the output layer in `entries`.
pub(super) fn read(
    config: Option<&Value>,
    entries: &[Entry<'_>],
    output: usize,
    output_shape: &[usize],
) -> Result<CompileSpec, Fault> {
    let map = match config {
        Some(Value::Object(map)) if !map.is_empty() => map,
        None | Some(Value::Null | Value::Object(_)) => {
            return Err(Fault::model(
                "model.not_compiled",
                "the model was saved without compile(); call model.compile(optimizer, loss, metrics) and save it again",
            ));
        }
        Some(_) => return Err(fault::malformed("compile_config is not an object")),
    };
    let output_name = entries.get(output).map_or("", |e| e.name.as_str());
    let mut s = Settings::new("compile_config".to_owned(), map);
    // These change how fast Keras computes, never what.
    s.skip(&[
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
        "auto_scale_loss",
    ]);
    s.only("loss_weights", &[1.into(), 1.0.into()])?;
    s.only("weighted_metrics", &[Value::Array(Vec::new())])?;
    let optimizer = optimizer::read(s.get("optimizer"))?;
    let loss = loss::read(s.get("loss"), output_name, output_shape)?;
    let metrics = metrics::read(s.get("metrics"), &loss, output_shape)?;
    s.finish()?;
    Ok(CompileSpec {
        optimizer,
        loss,
        metrics,
    })
}

/// What Keras itself leaves out of the archive, so that the trained loss may not be the one that was meant.
pub(super) fn note(config: Option<&Value>) -> Option<String> {
    let loss = config?.get("loss")?;
    let huber = loss.get("class_name").and_then(Value::as_str) == Some("Huber");
    let without_delta = loss.get("config").and_then(|c| c.get("delta")).is_none();
    (huber && without_delta).then(|| {
        "Keras saves a Huber loss without its delta; training uses 1, as a model loaded by Keras does".to_owned()
    })
}
