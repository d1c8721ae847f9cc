use assay_protocol::Fault;

/// What goes wrong inside a computation.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A tensor operation refused its operands: a fault of ours.
    #[error("{0}")]
    Tensor(#[from] candle_core::Error),
    /// A fault that already says what is wrong.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// Result of a computation.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The fault to report, naming the place where it happened.
    pub(crate) fn at(self, place: &str) -> Fault {
        match self {
            Self::Fault(fault) => fault,
            Self::Tensor(error) => {
                Fault::without_field("trainer.arithmetic", format!("{place}: {error}"))
            }
        }
    }
}
