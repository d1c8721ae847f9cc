/// Whether a character makes a text look like something that it is not.
///
/// That is a control character (line breaks and tabs, too), or one that turns the direction of what follows (Unicode
/// Standard Annex 9: embeddings, overrides, isolates).
///
/// Names that end up in proofs have none of them.
pub fn deceives(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_from_right_to_left_is_no_deceit() {
        assert!(!"Genauigkeit, точность, דיוק, 精度".contains(deceives));
        for deceit in ['\0', '\n', '\t', '\u{1b}', '\u{85}', '\u{202e}', '\u{2066}'] {
            assert!(deceives(deceit), "{deceit:?}");
        }
    }
}
