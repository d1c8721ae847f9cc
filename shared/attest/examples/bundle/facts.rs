//! What the sample's AIBoM says.

use assay_attest::{Digest, INGEST, RUN_TRAINING, aibom::*};
use serde_json::json;
use time::macros::datetime;

use super::{DIR, JOB};

pub(super) fn unsigned(step: &str) -> LinkRef {
    LinkRef {
        file_name: format!("{step}.00000000.link"),
        sha256: Digest::of(b""),
    }
}

pub(super) fn facts(request: serde_json::Value, artifacts: Vec<ArtifactFacts>) -> Facts {
    let fact = |name: &str, value| EnvironmentFact {
        name: name.into(),
        value,
    };
    Facts {
        job_id: JOB.into(),
        unique_dir: DIR.into(),
        serial_number: uuid::Uuid::from_u128(0x0190_a000_0000_7000_8000_0000_0000_0002),
        producer: Producer {
            name: "assay".into(),
            version: "0.1.0".into(),
        },
        times: times(),
        request,
        artifacts,
        model: model(),
        data: data(),
        metrics: [
            ("accuracy", 0.9787),
            ("loss", 0.1),
            ("val_accuracy", 1.0),
            ("val_loss", 1e-7),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
        trainer: trainer(),
        environment: vec![
            fact("kernel", Measured::Value("Linux 6.1".into())),
            fact(
                "accelerator",
                Measured::Unknown {
                    reason: "no driver is installed".into(),
                },
            ),
        ],
        isolation: vec![
            IsolationFact {
                mechanism: "landlock".into(),
                held: true,
                detail: Some("ABI 5".into()),
            },
            IsolationFact {
                mechanism: "network-namespace".into(),
                held: false,
                detail: None,
            },
        ],
        energy: None,
        resumed_from: None,
        sbom: None,
        image: None,
        ingest_link: unsigned(INGEST),
        training_link: unsigned(RUN_TRAINING),
        scan_link: None,
        model_signature: None,
    }
}

fn times() -> Times {
    Times {
        queued: datetime!(2026-06-01 11:00:00.25 UTC),
        started: datetime!(2026-06-01 11:00:01 UTC),
        finished: datetime!(2026-06-01 11:00:02 UTC),
        documented: datetime!(2026-06-01 11:00:02.5 UTC),
    }
}

fn trainer() -> TrainerFacts {
    TrainerFacts {
        name: "assay-trainer".into(),
        version: "0.1.0".into(),
        candle: "0.11.1".into(),
        arithmetic: "cpu/x86-64/avx512f+fma/ftz".into(),
        threads: 2,
        sha256: Measured::Value(Digest::of(b"program").to_string()),
    }
}

fn model() -> ModelFacts {
    let layer = |name: &str, units, parameters| LayerFacts {
        name: name.into(),
        class: "Dense".into(),
        output_shape: vec![units],
        parameters,
    };
    ModelFacts {
        name: "sequential".into(),
        class: "Sequential".into(),
        keras_version: Some("3.10.0".into()),
        input_shape: vec![13],
        output_shape: vec![3],
        layers: vec![layer("dense", 16, 224), layer("dense_1", 3, 51)],
        trainable_parameters: 275,
        non_trainable_parameters: 0,
        optimizer: json!({"class_name": "Adam", "learning_rate": 0.001}),
        loss: "sparse_categorical_crossentropy".into(),
        metrics: vec!["accuracy".into()],
        task: "multiclass-classification".into(),
    }
}

fn data() -> DataFacts {
    DataFacts {
        kind: "csv".into(),
        rows: 178,
        training_rows: 142,
        validation_rows: 36,
        input_shape: vec![13],
        features: vec!["alcohol".into(), "malic_acid".into()],
        label: Some("cultivar".into()),
        classes: vec!["0".into(), "1".into(), "2".into()],
        preprocessing: json!({"normalize": true}),
    }
}
