//! Scans images with Trivy, keeps what it found, and signs it.
