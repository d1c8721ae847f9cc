/// Bytes of an artifact's path at most.
pub const MAX_PATH_BYTES: usize = 1024;

/// Why a text is not the path of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{path:?} is not an artifact's path: {reason}; expected names joined by '/', as in <unique_dir>/outputs/metrics.json"
)]
pub struct PathError {
    /// The start of the text.
    pub path: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Checks a path before anything is opened under it: relative, `/` between non-empty names, no `.` or `..`, no
/// backslash, no control characters, names of at most 255 bytes.
///
/// # Errors
/// [`PathError`].
pub fn check_path(path: &str) -> Result<(), PathError> {
    let reason = if path.len() > MAX_PATH_BYTES {
        "longer than 1024 bytes"
    } else if path.starts_with('/') {
        "it is absolute"
    } else if path.contains('\\') {
        "it has a backslash"
    } else if path.chars().any(char::is_control) {
        "it has a control character"
    } else if path.split('/').any(|name| matches!(name, "" | "." | "..")) {
        "a component is empty, '.' or '..'"
    } else if path.split('/').any(|name| name.len() > 255) {
        "a component is longer than 255 bytes"
    } else {
        return Ok(());
    };
    Err(PathError {
        path: path.chars().take(120).collect(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_could_leave_the_folder_are_refused() {
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
        assert!(check_path(&"a".repeat(256)).is_err());
        assert!(check_path(&"a/".repeat(600)).is_err());
        for good in [
            "a",
            "job/outputs/logs.txt",
            "job/inputs/model/mön .keras",
            "a/...",
            "a/.b",
        ] {
            assert_eq!(check_path(good), Ok(()), "{good:?}");
        }
    }
}
