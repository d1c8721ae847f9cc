use assay_protocol::deceives;

use crate::problem::Problem;

/// Checks a text that somebody claims of a model. It is shown to people and signed, so it must be what it looks like:
/// no control characters but tab and line break, no characters that turn the direction of what follows (Unicode
/// Standard Annex 9: embeddings, overrides, isolates).
pub(crate) fn check_text(field: &str, value: &str) -> Result<(), Problem> {
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        let allowed = match letter {
            '\n' | '\t' => true,
            // Browsers send line breaks as CR LF (HTML, "multipart form data").
            '\r' => letters.peek() == Some(&'\n'),
            other => !deceives(other),
        };
        if !allowed {
            let detail = format!(
                "{field} has the character U+{:04X}; control characters other than tab and line break, and characters \
                 that turn the writing direction, are not allowed",
                u32::from(letter)
            );
            return Err(Problem::unprocessable("form.character", detail).field(field.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_passes_and_what_deceives_is_refused() {
        for good in [
            "",
            "plain",
            "two\nlines\r\nand a\ttab",
            "Zürich – 日本語 – עברית – 👩‍🔬",
        ] {
            assert!(check_text("author", good).is_ok(), "{good:?}");
        }
        for bad in [
            "\0",
            "a\u{1b}[31m",
            "\u{7f}",
            "\u{85}",
            "a\rb",
            "\r",
            "\u{202a}",
            "a\u{202e}b",
            "\u{2066}",
            "\u{2069}",
        ] {
            let problem = check_text("author", bad).unwrap_err();
            assert!(problem.to_string().starts_with("author has"), "{bad:?}");
        }
    }
}
