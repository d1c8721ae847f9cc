use time::OffsetDateTime;
use uuid::Uuid;

use super::ScanOutcome;

/// A scan without its findings, which may be very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanBrief {
    /// Its id.
    pub id: Uuid,
    /// What came of it.
    pub outcome: ScanOutcome,
    /// When the scan ended.
    pub scanned_at: OffsetDateTime,
}

impl ScanBrief {
    /// Reads a row of the database; the error says what cannot be read.
    pub(crate) fn of_row(
        id: &str,
        outcome: &str,
        scanned_at: OffsetDateTime,
    ) -> Result<Self, String> {
        Ok(Self {
            id: id.parse().map_err(|_| format!("the id {id:?}"))?,
            outcome: ScanOutcome::parse(outcome)
                .ok_or_else(|| format!("the outcome {outcome:?}"))?,
            scanned_at,
        })
    }
}
