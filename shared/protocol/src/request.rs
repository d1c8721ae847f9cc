mod aibom_version;
mod metadata;

use serde::{Deserialize, Serialize};

use crate::{Device, Fault, Framework};

pub use aibom_version::AibomVersion;
pub use metadata::Metadata;

/// How to train: the arguments of Keras' `Model.fit` that the form offers, and the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// The epoch to stop before, counted from 0; training runs `epochs - initial_epoch` epochs, as in Keras.
    pub epochs: u32,
    /// Fraction of the rows held out for validation, `0 ≤ v < 1`.
    pub validation_split: f64,
    /// The epoch to start at (a resumed run).
    pub initial_epoch: u32,
    /// Rows in a batch.
    pub batch_size: u32,
    /// Batches in an epoch; all of the training split when absent.
    pub steps_per_epoch: Option<u32>,
    /// Batches of a validation; all of the validation split when absent.
    pub validation_steps: Option<u32>,
    /// Validate every so many epochs.
    pub validation_freq: u32,
    /// Seed of the split, the shuffles and dropout; at most 2^53 - 1, so that JSON carries it exactly.
    pub seed: u64,
    /// Where to train.
    #[serde(skip_serializing_if = "Device::is_auto")]
    pub device: Device,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            epochs: 50,
            validation_split: 0.2,
            initial_epoch: 0,
            batch_size: 32,
            steps_per_epoch: None,
            validation_steps: None,
            validation_freq: 1,
            seed: 0,
            device: Device::Auto,
        }
    }
}

impl Parameters {
    /// The form fields, in the order of the documentation.
    pub const FIELDS: [&'static str; 9] = [
        "epochs",
        "validation_split",
        "initial_epoch",
        "batch_size",
        "steps_per_epoch",
        "validation_steps",
        "validation_freq",
        "seed",
        "device",
    ];
    /// Largest seed: 2^53 - 1, the largest integer that every JSON reader keeps exact (RFC 8785 §3.2.2.3).
    pub const MAX_SEED: u64 = (1 << 53) - 1;
    /// Most epochs of a job.
    pub const MAX_EPOCHS: u32 = 100_000;

    /// Sets one form field from its text; `Ok(false)` when the name is not a parameter. An empty optional stays absent.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, Fault> {
        let value = value.trim();
        match name {
            "epochs" => self.epochs = number(name, value)?,
            "validation_split" => self.validation_split = number(name, value)?,
            "initial_epoch" => self.initial_epoch = number(name, value)?,
            "batch_size" => self.batch_size = number(name, value)?,
            "steps_per_epoch" => self.steps_per_epoch = optional(name, value)?,
            "validation_steps" => self.validation_steps = optional(name, value)?,
            "validation_freq" => self.validation_freq = number(name, value)?,
            "seed" => self.seed = number(name, value)?,
            "device" => self.device = Device::parse(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks every range; the fault names the field.
    pub fn validate(&self) -> Result<(), Fault> {
        let range = |ok: bool, field: &'static str, rule: &str| {
            if ok {
                Ok(())
            } else {
                Err(Fault::of(
                    field,
                    "parameters.out_of_range",
                    format!("{field} must be {rule}"),
                ))
            }
        };
        range(
            (1..=Self::MAX_EPOCHS).contains(&self.epochs),
            "epochs",
            "between 1 and 100000",
        )?;
        range(
            self.validation_split.is_finite() && (0.0..1.0).contains(&self.validation_split),
            "validation_split",
            "a number from 0 up to, but not including, 1",
        )?;
        range(
            self.initial_epoch < self.epochs,
            "initial_epoch",
            "smaller than epochs",
        )?;
        range(
            (1..=1 << 20).contains(&self.batch_size),
            "batch_size",
            "between 1 and 1048576",
        )?;
        range(
            self.steps_per_epoch != Some(0),
            "steps_per_epoch",
            "at least 1",
        )?;
        range(
            self.validation_steps != Some(0),
            "validation_steps",
            "at least 1",
        )?;
        range(self.validation_freq >= 1, "validation_freq", "at least 1")?;
        range(self.seed <= Self::MAX_SEED, "seed", "at most 2^53 - 1")
    }
}

/// Everything that a job asks for besides its three files. Its canonical JSON is `parameters.json`, a material of the training step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// The framework that the form named.
    pub framework: Framework,
    /// What the submitter says of the model.
    #[serde(default)]
    pub metadata: Metadata,
    /// How to train.
    #[serde(default)]
    pub parameters: Parameters,
    /// The version of CycloneDX that the AIBoM is to have; written only where another than the usual one is asked for.
    #[serde(default, skip_serializing_if = "AibomVersion::is_default")]
    pub aibom: AibomVersion,
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Fault> {
    value.parse().map_err(|_| {
        field_fault(
            name,
            "parameters.not_a_number",
            format!("{name} is {value:?}, which is not a number of the kind expected"),
        )
    })
}

fn optional<T: std::str::FromStr>(name: &str, value: &str) -> Result<Option<T>, Fault> {
    if value.is_empty() {
        return Ok(None);
    }
    number(name, value).map(Some)
}

fn field_fault(name: &str, code: &'static str, message: String) -> Fault {
    Fault {
        code: code.into(),
        field: Some(name.to_owned().into()),
        message,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(name: &str, value: &str) -> Result<Parameters, Fault> {
        let mut parameters = Parameters::default();
        assert!(parameters.set(name, value)?, "{name} is a parameter");
        parameters.validate()?;
        Ok(parameters)
    }

    #[test]
    fn every_parameter_out_of_range_is_refused_by_name() {
        for (name, value) in [
            ("epochs", "0"),
            ("epochs", "100001"),
            ("epochs", "-1"),
            ("epochs", "1.5"),
            ("epochs", ""),
            ("validation_split", "1"),
            ("validation_split", "-0.1"),
            ("validation_split", "NaN"),
            ("validation_split", "inf"),
            ("initial_epoch", "50"),
            ("batch_size", "0"),
            ("batch_size", "1048577"),
            ("batch_size", "99999999999"),
            ("steps_per_epoch", "0"),
            ("validation_steps", "0"),
            ("validation_freq", "0"),
            ("seed", "9007199254740992"),
            ("device", "gpu"),
            ("device", ""),
        ] {
            let fault = set(name, value).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some(name), "{name}={value}");
            assert!(fault.code.starts_with("parameters."), "{fault:?}");
        }
    }

    #[test]
    fn every_name_of_the_form_is_known_and_no_other() {
        let mut parameters = Parameters::default();
        for name in Parameters::FIELDS {
            let value = if name == "device" { "cuda" } else { "1" };
            assert_eq!(parameters.set(name, value), Ok(true), "{name}");
        }
        assert_eq!(parameters.device, Device::Cuda);
        assert_eq!(parameters.steps_per_epoch, Some(1));
        assert_eq!(parameters.set("steps_per_epoch", " "), Ok(true));
        assert_eq!(parameters.steps_per_epoch, None);
        assert_eq!(parameters.set("epoch", "1"), Ok(false));
    }

    #[test]
    fn frameworks_are_known_by_their_names() {
        for name in Framework::ACCEPTED {
            assert_eq!(Framework::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(
            Framework::parse("pytorch").unwrap_err().field.as_deref(),
            Some("framework")
        );
    }

    #[test]
    fn a_device_is_written_only_where_one_was_asked_for() {
        let text = |device| {
            let parameters = Parameters {
                device,
                ..Parameters::default()
            };
            let text = serde_json::to_string(&parameters).unwrap();
            assert_eq!(
                serde_json::from_str::<Parameters>(&text).unwrap(),
                parameters
            );
            text
        };
        assert!(!text(Device::Auto).contains("device"));
        assert!(text(Device::Cuda).contains(r#""device":"cuda""#));
    }

    #[test]
    fn an_unknown_key_of_a_request_is_refused() {
        let text = r#"{"framework":"candle","parameters":{"epoch":1}}"#;
        assert!(serde_json::from_str::<JobRequest>(text).is_err());
    }

    proptest! {
        #[test]
        fn a_request_survives_json(epochs in 1u32..100_000, split in 0.0..1.0f64, seed in 0..=Parameters::MAX_SEED) {
            let parameters = Parameters { epochs, validation_split: split, seed, ..Parameters::default() };
            prop_assert_eq!(parameters.validate(), Ok(()));
            let request = JobRequest {
                framework: Framework::TensorFlow,
                metadata: Metadata { author: Some("n\u{e9}".into()), ..Metadata::default() },
                parameters,
                aibom: AibomVersion::V1_7,
            };
            let text = serde_json::to_string(&request).unwrap();
            prop_assert_eq!(serde_json::from_str::<JobRequest>(&text).unwrap(), request);
        }
    }
}
