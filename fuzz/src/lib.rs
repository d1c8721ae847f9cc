//! What the targets share: tight limits, a key that lives as long as the process, and the wrapping of parts of a
//! file in valid checksums and signatures, without which a fuzzer would hardly get past the first check.

mod keras;
mod proof;
mod record;

use assay_protocol::DataLimits;

pub use keras::{abort_unless_contained, archive_with};
pub use proof::{key, now, sign_bom, trust};
pub use record::framed;

/// Limits that keep one run short; every one of them can be reached by an input of the usual length.
pub fn limits() -> DataLimits {
    DataLimits {
        zip_entries: 64,
        zip_entry_bytes: 256 << 10,
        zip_total_bytes: 1 << 20,
        image_pixels: 64 << 10,
        csv_line_bytes: 4 << 10,
        csv_columns: 64,
        record_bytes: 64 << 10,
        rows: 1_000,
        values: 256 << 10,
        definition_bytes: 16 << 10,
        model_parameters: 64 << 10,
        model_layers: 64,
        model_config_bytes: 64 << 10,
    }
}
