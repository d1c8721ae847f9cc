//! Keras loads what we trained, in safe mode, and predicts what our own weights predict.

use std::{fs, path::Path};

use assay_protocol::DataLimits;
use serde_json::Value;

use super::{python, script, show};
use crate::support::{files, server::Server};

/// The bundle's file of this name.
fn find(bundle: &Path, name: &str) -> std::path::PathBuf {
    let path = files(bundle)
        .into_iter()
        .find(|path| path.ends_with(name))
        .unwrap();
    bundle.join(path)
}

/// Rows of one shape, the same each time.
fn rows(count: usize, shape: &[usize], scale: f32) -> (Vec<f32>, Value) {
    let size: usize = shape.iter().product();
    let values: Vec<f32> = (0..count * size)
        .map(|at| ((at * 7919) % 1009) as f32 / 1009.0 * scale)
        .collect();
    let nested = nest(&values, &[&[count], shape].concat());
    (values, nested)
}

fn nest(values: &[f32], shape: &[usize]) -> Value {
    match shape {
        [] | [_] => Value::from(values.to_vec()),
        [first, rest @ ..] => values
            .chunks(values.len() / first)
            .map(|chunk| nest(chunk, rest))
            .collect(),
    }
}

fn flat(value: &Value, out: &mut Vec<f32>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flat(item, out)),
        number => out.push(number.as_f64().unwrap() as f32),
    }
}

#[test]
fn keras_predicts_what_our_weights_predict() {
    let server = Server::start();
    for (sample, shape, scale) in [("wine", vec![13], 1.0), ("digits", vec![8, 8, 1], 255.0)] {
        let dir = tempfile::tempdir().unwrap();
        let bundle = server.bundle(&server.train(sample, &["epochs=3"]), dir.path());
        let model = find(&bundle, "trained_model.keras");
        let (values, nested) = rows(64, &shape, scale);
        let file = dir.path().join("rows.json");
        fs::write(&file, nested.to_string()).unwrap();

        let output = python("python")
            .arg(script("predict.py"))
            .args([&model, &file])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", show(&output));
        let mut theirs = Vec::new();
        flat(
            &serde_json::from_slice(&output.stdout).unwrap(),
            &mut theirs,
        );

        let archive =
            assay_trainer::archive::read(&fs::read(&model).unwrap(), &DataLimits::default())
                .unwrap();
        let engine =
            assay_trainer::engine::Engine::new(&archive.spec, archive.weights, None, 0).unwrap();
        let ours = engine.predict(&values, 64).unwrap();
        assert_eq!(ours.len(), theirs.len());
        let apart = ours
            .iter()
            .zip(&theirs)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart <= 1e-5, "{sample}: {apart}");

        // The same weights as safetensors.
        let tensors = python("python")
            .args(["-c", "import sys; from safetensors.numpy import load_file; print(sum(t.size for t in load_file(sys.argv[1]).values()))"])
            .arg(find(&bundle, "model.safetensors"))
            .output()
            .unwrap();
        assert!(tensors.status.success(), "{}", show(&tensors));
        let count: u64 = String::from_utf8_lossy(&tensors.stdout)
            .trim()
            .parse()
            .unwrap();
        assert!(count > 500, "{count}");
    }
}
