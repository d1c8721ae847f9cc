use std::{cmp::Ordering, fmt};

use super::ModelSigningError;

/// Bytes of a name at most: what Linux takes for a path.
const MAX_BYTES: usize = 4096;

/// A file of a model: names joined by `/`, or `.` for a model that is one file.
///
/// Ordered by its names, one after the other, as Python orders `PurePosixPath`: `sub/b` comes before `sub.z`. The
/// digest of the whole model depends on this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ResourcePath(String);

impl ResourcePath {
    /// The model that is one file.
    pub fn only_file() -> Self {
        Self(".".to_owned())
    }

    /// A path within the model.
    ///
    /// Besides what leaves the folder or names one file in two ways, control characters and those that turn the
    /// direction of writing are refused: a name must be what a reader of it sees.
    ///
    /// # Errors
    /// [`ModelSigningError::Name`].
    pub fn new(name: &str) -> Result<Self, ModelSigningError> {
        let reason = if name == "." {
            return Ok(Self::only_file());
        } else if name.len() > MAX_BYTES {
            "it is longer than 4096 bytes"
        } else if name.starts_with('/') {
            "it is absolute"
        } else if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            "a part of it is empty, '.' or '..'"
        } else if name
            .chars()
            .any(|char| char.is_control() || turns_direction(char))
        {
            "it has a character that is not shown"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(ModelSigningError::Name {
            name: name.chars().take(120).collect(),
            reason,
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or lies below it.
    pub fn is_within(&self, other: &str) -> bool {
        self.0
            .strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The bidirectional controls of Unicode (UAX 9), and the byte order mark.
fn turns_direction(char: char) -> bool {
    matches!(
        char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

impl Ord for ResourcePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.split('/').cmp(other.0.split('/'))
    }
}

impl PartialOrd for ResourcePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_by_parts() {
        let names = ["Z.txt", "a.txt", "sub/b.bin", "sub/c", "sub.z"];
        let mut sorted: Vec<_> = names
            .iter()
            .rev()
            .map(|name| ResourcePath::new(name).unwrap())
            .collect();
        sorted.sort();
        let sorted: Vec<_> = sorted.iter().map(ResourcePath::as_str).collect();
        assert_eq!(sorted, names);
    }

    #[test]
    fn names_that_leave_the_folder_or_deceive_are_refused() {
        for bad in [
            "",
            "/x",
            "..",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a\0b",
            "a\nb",
            "a\u{202e}gpj.exe",
            "\u{feff}a",
        ] {
            assert!(ResourcePath::new(bad).is_err(), "{bad:?}");
        }
        for good in [
            ".",
            ".hidden",
            "a b",
            "ü/模型.bin",
            "back\\slash",
            "..a",
            "a:b",
        ] {
            assert!(ResourcePath::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn within_is_by_parts() {
        let path = ResourcePath::new("sub/b").unwrap();
        assert!(path.is_within("sub") && path.is_within("sub/b"));
        assert!(!path.is_within("su") && !path.is_within("sub/b/c"));
    }
}
