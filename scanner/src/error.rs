use assay_platform::keys::KeyError;

/// Why a scanner could not start. What goes wrong with one scan never ends a scanner.
#[derive(Debug, thiserror::Error)]
pub enum ScannerError {
    /// The scanner has no key to sign with.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// There is nothing to scan.
    #[error(
        "scan.images is empty: name the images to scan, as in scan.images = [\"trainer=assay-trainer:latest\"]"
    )]
    NoImages,
    /// Trivy cannot be run.
    #[error("Trivy cannot be run, so nothing can be scanned: {0}; scan.trivy names the program")]
    Trivy(String),
}
