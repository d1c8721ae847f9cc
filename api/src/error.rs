use assay_attest::TrustError;

/// Why the service cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The listener, or the threads that serve it.
    #[error("HTTP server: {0}")]
    Io(#[from] std::io::Error),
    /// The trust anchor cannot be written out.
    #[error(transparent)]
    Trust(#[from] TrustError),
}
