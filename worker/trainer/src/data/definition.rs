//! The data set definition: a small YAML file that says how rows become the model's inputs and labels.

use assay_protocol::{DataLimits, Fault};
use serde_saphyr::options::MergeKeyPolicy;

mod document;
mod kinds;
#[cfg(test)]
mod tests;

use document::Document;

/// Side of an image in pixels when neither `image_size` nor `input_shape` says otherwise, as in Keras-based tools.
const DEFAULT_IMAGE_SIDE: usize = 224;
/// Longest name of a column or feature in bytes.
const MAX_NAME_BYTES: usize = 1024;
/// Most axes of a shape.
const MAX_AXES: usize = 8;

/// A checked data set definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// What kind of file the data set is, and the settings of that kind.
    pub kind: Kind,
    /// Shape of one input row, if stated.
    pub input_shape: Option<Vec<usize>>,
    /// Shape of one output row, if stated.
    pub output_shape: Option<Vec<usize>>,
    /// What is done to the numbers before they enter the model.
    pub preprocessing: Preprocessing,
}

/// The kinds of data set files.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A table with a header line (`type: csv`, the default).
    Csv {
        /// Every column of the file and its type; the order says nothing.
        columns: Vec<(String, ColumnType)>,
        /// The column that the model learns to predict.
        label: String,
    },
    /// A zip of class folders (`type: image`).
    Image {
        /// Height and width that every image is brought to.
        size: [usize; 2],
    },
    /// A file of `tf.train.Example` records (`type: tfrecord`).
    TfRecord {
        /// The input features, in the order in which they are joined.
        features: Vec<(String, Feature)>,
        /// Name of the label.
        label: String,
        /// The label's type, if stated.
        label_dtype: Option<Dtype>,
        /// Whether the features are joined to one flat row.
        flatten: bool,
    },
}

impl Kind {
    /// The value of `type` in the definition: `csv`, `image` or `tfrecord`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Csv { .. } => "csv",
            Self::Image { .. } => "image",
            Self::TfRecord { .. } => "tfrecord",
        }
    }
}

/// The type of a CSV column. Every cell of the column must be of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// A 64-bit integer.
    Int,
    /// A finite number.
    Float,
    /// `0`, `1`, `true` or `false`.
    Bool,
    /// Text; only a label can be text.
    Text,
}

impl ColumnType {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "int" | "integer" | "int32" | "int64" | "long" => Self::Int,
            "float" | "float32" | "float64" | "double" | "number" => Self::Float,
            "bool" | "boolean" => Self::Bool,
            "string" | "str" | "text" | "object" | "category" => Self::Text,
            _ => return None,
        })
    }

    /// The type's name in the definition.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Text => "string",
        }
    }
}

/// One feature of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its shape; empty for one number.
    pub shape: Vec<usize>,
    /// Its type.
    pub dtype: Dtype,
}

impl Feature {
    /// Numbers in the feature.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The number types of records, by TensorFlow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are TensorFlow's own")]
pub enum Dtype {
    UInt8,
    Int8,
    UInt16,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
}

impl Dtype {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("tf.").unwrap_or(name) {
            "uint8" => Self::UInt8,
            "int8" => Self::Int8,
            "uint16" => Self::UInt16,
            "int16" => Self::Int16,
            "int" | "int32" => Self::Int32,
            "int64" => Self::Int64,
            "float" | "float32" => Self::Float32,
            "double" | "float64" => Self::Float64,
            _ => return None,
        })
    }

    /// TensorFlow's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UInt8 => "uint8",
            Self::Int8 => "int8",
            Self::UInt16 => "uint16",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
        }
    }

    /// Whether its values are whole numbers.
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::Float32 | Self::Float64)
    }
}

/// What is done to the numbers, always in this order: normalize, scale, clip.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Preprocessing {
    /// `(x - mean) / (std + 1e-8)`, fitted on the training split.
    pub normalize: bool,
    /// A factor.
    pub scale: Option<f64>,
    /// Smallest and largest value; what lies outside becomes the nearer one.
    pub clip: Option<[f64; 2]>,
}

impl Definition {
    /// Reads a definition.
    ///
    /// # Errors
    /// `definition.*`: too large, not YAML, an unknown or repeated key, a value of the wrong kind, a key
    /// that does not apply to the type of data set.
    pub fn parse(bytes: &[u8], limits: &DataLimits) -> Result<Self, Fault> {
        if bytes.len() as u64 > limits.definition_bytes {
            return Err(Fault::definition(
                "definition.too_large",
                format!(
                    "the definition has {} bytes, but at most {} are read",
                    bytes.len(),
                    limits.definition_bytes
                ),
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Fault::definition("definition.not_utf8", "the definition is not UTF-8 text")
        })?;
        let document: Document =
            serde_saphyr::from_str_with_options(text, options(limits)).map_err(yaml_fault)?;
        document.check(limits)
    }
}

/// Budgets for hostile YAML: a definition is flat, so small numbers leave room for every honest one.
fn options(limits: &DataLimits) -> serde_saphyr::Options {
    let nodes = usize::try_from(limits.csv_columns)
        .unwrap_or(usize::MAX)
        .saturating_mul(2)
        .saturating_add(1000);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 16,
            max_documents: 1,
            max_nodes: nodes,
            max_events: nodes.saturating_mul(2),
            max_aliases: 16,
            max_anchors: 16,
            max_merge_keys: 0,
        },
        merge_keys: MergeKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 1000,
            max_replay_stack_depth: 4,
        },
        // "y" and "n" are names of columns here, not the booleans of YAML 1.1.
        strict_booleans: true,
        with_snippet: false,
    }
}

/// The parser's error as a fault: where it is, and what is wrong, without quoting the file.
fn yaml_fault(error: serde_saphyr::Error) -> Fault {
    use serde_saphyr::Error;
    let code = match error.without_snippet() {
        Error::SerdeUnknownField { .. } => "definition.unknown_key",
        Error::DuplicateMappingKey { .. } => "definition.duplicate_key",
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => "definition.too_complex",
        _ => "definition.malformed",
    };
    let text: String = error
        .without_snippet()
        .to_string()
        .chars()
        .take(500)
        .collect();
    Fault::definition(code, format!("the definition cannot be read: {text}"))
}
