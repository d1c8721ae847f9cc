//! Logs, metrics and their names.
