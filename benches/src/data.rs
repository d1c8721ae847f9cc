//! Inputs of the shapes that the figures are quoted for, made anew each time from a fixed seed.

use std::io::{Cursor, Write};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};

/// What is handed in for one job.
pub(crate) struct Inputs {
    /// File name and bytes of the model.
    pub(crate) model: Vec<u8>,
    /// File name and bytes of the data set.
    pub(crate) dataset: (&'static str, Vec<u8>),
    /// The definition.
    pub(crate) definition: String,
}

/// 1,000 rows of 13 numbers, two classes; Dense 64, 32, 1.
pub(crate) fn table() -> anyhow::Result<Inputs> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut csv = String::new();
    let names: Vec<String> = (1..=13).map(|i| format!("feature{i}")).collect();
    csv.push_str(&format!("{},label\n", names.join(",")));
    for _ in 0..1000 {
        let row: Vec<f64> = (0..13).map(|_| unit(&mut random) * 2.0 - 1.0).collect();
        let label = u8::from(row.iter().sum::<f64>() > 0.0);
        let cells: Vec<String> = row.iter().map(|v| format!("{v:.6}")).collect();
        csv.push_str(&format!("{},{label}\n", cells.join(",")));
    }
    let columns: String = names.iter().map(|n| format!("  {n}: float\n")).collect();
    Ok(Inputs {
        model: model(
            &[13],
            vec![
                dense(64, "relu", 0),
                dense(32, "relu", 1),
                dense(1, "sigmoid", 2),
            ],
            "binary_crossentropy",
        )?,
        dataset: ("table.csv", csv.into_bytes()),
        definition: format!(
            "type: csv\ncolumns:\n{columns}  label: int\nlabel: label\ninput_shape: [13]\n\
             output_shape: [1]\npreprocessing:\n  clip: [0.0, 1.0]\n  normalize: true\n  scale: 1.0\n"
        ),
    })
}

/// 5,000 PNG images of 28 × 28, ten classes; Conv 32, pool, Dense 128, 10.
pub(crate) fn images() -> anyhow::Result<Inputs> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..5000_usize {
        let class = index % 10;
        let pixels: Vec<u8> = (0..28 * 28)
            .map(|at| {
                let on = at / 28 % 10 == class;
                ((unit(&mut random) * 120.0) as u8) + if on { 120 } else { 0 }
            })
            .collect();
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&pixels, 28, 28, ExtendedColorType::L8)?;
        archive.start_file(format!("class_{class}/image_{index}.png"), options)?;
        archive.write_all(&png)?;
    }
    let conv = json!({"module": "keras.layers", "class_name": "Conv2D", "registered_name": null, "config": {
        "name": "conv", "filters": 32, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid",
        "dilation_rate": [1, 1], "groups": 1, "data_format": "channels_last", "activation": "relu", "use_bias": true}});
    let pool = json!({"module": "keras.layers", "class_name": "MaxPooling2D", "registered_name": null, "config": {
        "name": "pool", "pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}});
    let flatten = json!({"module": "keras.layers", "class_name": "Flatten", "registered_name": null,
                         "config": {"name": "flatten", "data_format": "channels_last"}});
    Ok(Inputs {
        model: model(
            &[28, 28, 3],
            vec![
                conv,
                pool,
                flatten,
                dense(128, "relu", 0),
                dense(10, "softmax", 1),
            ],
            "sparse_categorical_crossentropy",
        )?,
        dataset: ("images.zip", archive.finish()?.into_inner()),
        definition:
            "type: image\nimage_size: [28, 28]\ninput_shape: [28, 28, 3]\noutput_shape: [10]\n\
                     preprocessing:\n  normalize: true\n"
                .into(),
    })
}

/// A number in [0, 1).
fn unit(random: &mut ChaCha8Rng) -> f64 {
    f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

fn dense(units: u32, activation: &str, number: u32) -> Value {
    json!({"module": "keras.layers", "class_name": "Dense", "registered_name": null,
           "config": {"name": format!("dense_{number}"), "units": units, "activation": activation, "use_bias": true}})
}

fn model(input: &[usize], layers: Vec<Value>, loss: &str) -> anyhow::Result<Vec<u8>> {
    let mut batch_shape = vec![Value::Null];
    batch_shape.extend(input.iter().map(|n| json!(n)));
    let mut all = vec![
        json!({"module": "keras.layers", "class_name": "InputLayer", "registered_name": null,
        "config": {"batch_shape": batch_shape, "dtype": "float32", "sparse": false, "name": "input"}}),
    ];
    all.extend(layers);
    let config = json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {"name": "bench", "trainable": true, "dtype": "float32", "layers": all,
                   "build_input_shape": batch_shape},
        "build_config": {"input_shape": batch_shape},
        "compile_config": {"optimizer": "adam", "loss": loss, "metrics": ["accuracy"]}
    });
    Ok(assay_trainer::archive::untrained(&config, 1)?)
}
