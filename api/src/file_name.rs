use crate::problem::Problem;

/// Bytes of a file name at most: what common file systems allow.
const MAX_BYTES: usize = 255;
/// Besides letters and digits of ASCII.
const MARKS: &str = " ._-+=@,()~#";

/// Checks the name of an uploaded file. It becomes the last component of a path in the links, and a file's name
/// wherever a bundle is unpacked, so it must be harmless and look like itself everywhere.
pub(crate) fn check_file_name(field: &str, name: Option<&str>) -> Result<String, Problem> {
    let refuse = |reason: &str| {
        let detail = format!(
            "the file name of {field} {reason}; allowed are 1 to {MAX_BYTES} ASCII letters, digits, spaces and \
             . _ - + = @ , ( ) ~ # without \"..\", not beginning with a dot, no space at either end"
        );
        Problem::unprocessable("upload.file_name", detail).field(field.to_owned())
    };
    let name = name.ok_or_else(|| refuse("is missing"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_BYTES {
        "is too long"
    } else if name.contains(['/', '\\']) {
        "has a path separator"
    } else if name.contains("..") || name.starts_with('.') {
        "begins with a dot or has two dots in a row"
    } else if !name.chars().all(allowed) {
        "has a character that is not allowed"
    } else if name.starts_with(' ') || name.ends_with(' ') {
        "begins or ends with a space"
    } else {
        return Ok(name.to_owned());
    };
    Err(refuse(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass_and_others_are_refused() {
        for good in [
            "model.keras",
            "My data (2) v1.0_a-b+c.csv",
            "a",
            "x=1,y@2~#.yaml",
        ] {
            assert_eq!(check_file_name("model", Some(good)).unwrap(), good);
        }
        let long = "x".repeat(256);
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "C:\\x",
            "a\0b",
            "a\nb",
            ".hidden",
            "a..b",
            "modèle",
            "a\u{202e}b",
            "a*b",
            "a\"b",
            " a",
            "a ",
            &long,
        ] {
            assert!(check_file_name("model", Some(bad)).is_err(), "{bad:?}");
        }
        assert!(check_file_name("model", None).is_err());
    }
}
