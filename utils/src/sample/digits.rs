//! Optical digits as a zip of class folders, and a small convolutional network for them.

use std::io::{Cursor, Read, Write};

use anyhow::Context;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde_json::{Value, json};
use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{Files, untrained};

const DATA: &[u8] = include_bytes!("../../data/digits.csv.gz");
const SIDE: usize = 8;

const DEFINITION: &str = "\
type: image
image_size: [8, 8]
input_shape: [8, 8, 1]
output_shape: [10]
";

pub(super) fn files() -> anyhow::Result<Files> {
    Ok(Files {
        model: untrained(&config())?,
        dataset: ("digits.zip", images()?),
        definition: DEFINITION,
        parameters: &[("epochs", "12"), ("batch_size", "32"), ("seed", "7")],
        metadata: &[
            ("model_name", "optical-digits"),
            ("model_version", "1.0.0"),
            (
                "model_description",
                "Reads one handwritten digit from an image of 8 × 8 pixels.",
            ),
            ("author", "Assay samples"),
            ("model_type", "Image Classification"),
            ("intended_use", "Showing how a job goes through Assay."),
            (
                "out_of_scope",
                "Reading anything but single, centred digits.",
            ),
            (
                "misuse_or_malicious",
                "Reading forms of people who did not agree to it.",
            ),
            ("license_name", "Apache-2.0"),
            ("manufacturer", "Assay"),
            ("supplier", "Assay"),
            ("intended_users", "People who try Assay."),
            (
                "technical_limitations",
                "Trained on 1,797 images of 8 × 8 grey pixels; other sizes and scans were never seen.\n\
                 Nothing is said when an image shows no digit.",
            ),
            ("dataset_name", "optical-digits"),
            ("dataset_version", "1998"),
            (
                "dataset_description",
                "Optical recognition of handwritten digits, test set: images of 8 × 8 pixels.",
            ),
            ("dataset_license", "CC-BY-4.0"),
            ("dataset_source", "https://doi.org/10.24432/C50P49"),
            ("dataset_sensitivity", "none"),
            ("dataset_owner", "E. Alpaydin and C. Kaynak"),
            ("dataset_steward", "UCI Machine Learning Repository"),
        ],
    })
}

/// One PNG an image, in a folder a digit. Zip and PNG carry no time of day, so the same bytes come out each time.
fn images() -> anyhow::Result<Vec<u8>> {
    let mut text = String::new();
    flate2::read::GzDecoder::new(DATA)
        .read_to_string(&mut text)
        .context("unpacking the sample")?;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (row, line) in text.lines().enumerate() {
        let values = line
            .split(',')
            .map(|value| value.trim().parse::<f32>().map(|v| v as u16))
            .collect::<Result<Vec<u16>, _>>()?;
        let (digit, pixels) = values.split_last().context("an empty line in the sample")?;
        // 16 grey levels and white become the 0–255 of an image file.
        let grey: Vec<u8> = pixels
            .iter()
            .map(|v| (v * 255 / 16).min(255) as u8)
            .collect();
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(
            &grey,
            SIDE as u32,
            SIDE as u32,
            ExtendedColorType::L8,
        )?;
        zip.start_file(format!("{digit}/{row:04}.png"), options)?;
        zip.write_all(&png)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn config() -> Value {
    let layer = |class: &str, config: Value, input: Value| {
        json!({"module": "keras.layers", "class_name": class, "registered_name": null,
               "config": config, "build_config": {"input_shape": input}})
    };
    let conv = |name: &str, filters: u32| {
        json!({"name": name, "trainable": true, "dtype": "float32", "filters": filters,
               "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "dilation_rate": [1, 1],
               "groups": 1, "data_format": "channels_last", "activation": "relu", "use_bias": true})
    };
    let dense = |name: &str, units: u32, activation: &str| {
        json!({"name": name, "trainable": true, "dtype": "float32", "units": units,
               "activation": activation, "use_bias": true})
    };
    let pool = json!({"name": "pool", "trainable": true, "dtype": "float32", "pool_size": [2, 2],
                      "padding": "valid", "strides": [2, 2], "data_format": "channels_last"});
    let plain = |name: &str| json!({"name": name, "trainable": true, "dtype": "float32"});
    json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {
            "name": "digits", "trainable": true, "dtype": "float32",
            "layers": [
                {"module": "keras.layers", "class_name": "InputLayer", "registered_name": null,
                 "config": {"batch_shape": [null, SIDE, SIDE, 1], "dtype": "float32", "sparse": false, "name": "pixels"}},
                layer("Rescaling",
                      json!({"name": "grey", "trainable": true, "dtype": "float32", "scale": 1.0 / 255.0, "offset": 0.0}),
                      json!([null, SIDE, SIDE, 1])),
                layer("Conv2D", conv("strokes", 16), json!([null, SIDE, SIDE, 1])),
                layer("MaxPooling2D", pool, json!([null, SIDE, SIDE, 16])),
                layer("Conv2D", conv("shapes", 32), json!([null, 4, 4, 16])),
                layer("Flatten", json!({"name": "flatten", "trainable": true, "dtype": "float32", "data_format": "channels_last"}),
                      json!([null, 4, 4, 32])),
                layer("Dropout", {
                          let mut dropout = plain("dropout");
                          dropout["rate"] = json!(0.25);
                          dropout["seed"] = Value::Null;
                          dropout["noise_shape"] = Value::Null;
                          dropout
                      }, json!([null, 512])),
                layer("Dense", dense("digit", 10, "softmax"), json!([null, 512]))
            ],
            "build_input_shape": [null, SIDE, SIDE, 1]
        },
        "build_config": {"input_shape": [null, SIDE, SIDE, 1]},
        "compile_config": {"optimizer": "adam", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    })
}
