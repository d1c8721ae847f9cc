//! UCI Wine as CSV, and a small network for it.

use serde_json::json;

use super::{Files, untrained};

const DATA: &[u8] = include_bytes!("../../data/wine.csv");

const DEFINITION: &str = "\
type: csv
columns:
  alcohol: float
  malic_acid: float
  ash: float
  alcalinity_of_ash: float
  magnesium: float
  total_phenols: float
  flavanoids: float
  nonflavanoid_phenols: float
  proanthocyanins: float
  color_intensity: float
  hue: float
  od280_od315_of_diluted_wines: float
  proline: float
  cultivar: int
label: cultivar
input_shape: [13]
output_shape: [3]
preprocessing:
  normalize: true
";

pub(super) fn files() -> anyhow::Result<Files> {
    let config = json!({
        "module": "keras", "class_name": "Sequential", "registered_name": null,
        "config": {
            "name": "wine", "trainable": true, "dtype": "float32",
            "layers": [
                {"module": "keras.layers", "class_name": "InputLayer", "registered_name": null,
                 "config": {"batch_shape": [null, 13], "dtype": "float32", "sparse": false, "name": "measurements"}},
                {"module": "keras.layers", "class_name": "Dense", "registered_name": null,
                 "config": {"name": "hidden", "trainable": true, "dtype": "float32", "units": 32, "activation": "relu", "use_bias": true},
                 "build_config": {"input_shape": [null, 13]}},
                {"module": "keras.layers", "class_name": "Dense", "registered_name": null,
                 "config": {"name": "cultivar", "trainable": true, "dtype": "float32", "units": 3, "activation": "softmax", "use_bias": true},
                 "build_config": {"input_shape": [null, 32]}}
            ],
            "build_input_shape": [null, 13]
        },
        "build_config": {"input_shape": [null, 13]},
        "compile_config": {
            "optimizer": {"module": "keras.optimizers", "class_name": "Adam", "registered_name": null,
                          "config": {"learning_rate": 0.01}},
            "loss": "sparse_categorical_crossentropy",
            "metrics": ["accuracy"]
        }
    });
    Ok(Files {
        model: untrained(&config)?,
        dataset: ("wine.csv", DATA.to_vec()),
        definition: DEFINITION,
        parameters: &[("epochs", "30"), ("batch_size", "16"), ("seed", "7")],
        metadata: &[
            ("model_name", "wine-cultivar"),
            ("model_version", "1.0.0"),
            (
                "model_description",
                "Tells three Italian cultivars apart by 13 chemical measurements.",
            ),
            ("author", "Assay samples"),
            ("model_type", "Tabular classification"),
            ("intended_use", "Showing how a job goes through Assay."),
            (
                "out_of_scope",
                "Judging real wine: 178 samples of one region and one decade.",
            ),
            ("license_name", "Apache-2.0"),
            ("manufacturer", "Assay"),
            ("supplier", "Assay"),
            ("intended_users", "People who try Assay."),
            ("dataset_name", "wine"),
            ("dataset_version", "1992"),
            (
                "dataset_description",
                "178 wines of three cultivars, 13 chemical measurements each.",
            ),
            ("dataset_license", "CC-BY-4.0"),
            ("dataset_source", "https://doi.org/10.24432/C5PC7J"),
            ("dataset_sensitivity", "none"),
            ("dataset_owner", "S. Aeberhard and M. Forina"),
            ("dataset_steward", "UCI Machine Learning Repository"),
        ],
    })
}
