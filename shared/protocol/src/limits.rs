use serde::{Deserialize, Serialize};

/// Limits on hostile inputs, checked before anything of that size is allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataLimits {
    /// Entries in a zip of images.
    pub zip_entries: u64,
    /// Bytes of one unpacked entry of a zip.
    pub zip_entry_bytes: u64,
    /// Bytes of all unpacked entries of a zip together.
    pub zip_total_bytes: u64,
    /// Pixels (width × height) of one image.
    pub image_pixels: u64,
    /// Bytes of one line of a CSV file, line end included.
    pub csv_line_bytes: u64,
    /// Columns of a CSV file.
    pub csv_columns: u64,
    /// Bytes of one TFRecord.
    pub record_bytes: u64,
    /// Rows (or images) of a data set.
    pub rows: u64,
    /// Numbers (rows × features) of a data set once it is in memory, 4 bytes each.
    pub values: u64,
    /// Bytes of the data set definition.
    pub definition_bytes: u64,
    /// Weights of a model, 4 bytes each.
    pub model_parameters: u64,
    /// Layers of a model.
    pub model_layers: u64,
    /// Bytes of a model's `config.json`.
    pub model_config_bytes: u64,
}

impl Default for DataLimits {
    fn default() -> Self {
        Self {
            zip_entries: 200_000,
            zip_entry_bytes: 64 << 20,
            zip_total_bytes: 4 << 30,
            image_pixels: 64 << 20,
            csv_line_bytes: 1 << 20,
            csv_columns: 100_000,
            record_bytes: 64 << 20,
            rows: 50_000_000,
            values: 768 << 20,
            definition_bytes: 1 << 20,
            model_parameters: 512 << 20,
            model_layers: 2_000,
            model_config_bytes: 16 << 20,
        }
    }
}
