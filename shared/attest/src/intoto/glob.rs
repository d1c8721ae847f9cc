/// Whether a name matches a pattern as Python's `fnmatch.fnmatchcase` has it, which in-toto uses.
///
/// `*` stands for any characters (`/` too), `?` any one, `[abc]`, `[a-z]`, `[!abc]`. An unclosed `[` stands for itself.
///
/// Takes time in proportion to name × pattern at worst, whatever the pattern.
pub fn fnmatch(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let tokens = tokens(pattern);
    let (mut at, mut token) = (0, 0);
    // Where to go on when the last star takes one character more: only the last star need ever be tried again.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&char) = name.get(at) {
        match tokens.get(token) {
            Some(Token::Star) => {
                retry = Some((at, token + 1));
                token += 1;
                continue;
            }
            Some(Token::One(set)) if set.holds(char) => {
                at += 1;
                token += 1;
                continue;
            }
            _ => {}
        }
        let Some((from, after_star)) = retry else {
            return false;
        };
        retry = Some((from + 1, after_star));
        at = from + 1;
        token = after_star;
    }
    tokens
        .iter()
        .skip(token)
        .all(|rest| matches!(rest, Token::Star))
}

enum Token {
    Star,
    One(Set),
}

/// The characters in these ranges, or the ones outside them.
struct Set {
    ranges: Vec<(char, char)>,
    inside: bool,
}

impl Set {
    fn holds(&self, char: char) -> bool {
        self.ranges
            .iter()
            .any(|&(low, high)| (low..=high).contains(&char))
            == self.inside
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let pattern: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut rest = pattern.as_slice();
    while let Some((&char, after)) = rest.split_first() {
        rest = after;
        tokens.push(match char {
            '*' => Token::Star,
            '?' => Token::One(Set {
                ranges: Vec::new(),
                inside: false,
            }),
            '[' => match set(after) {
                Some((set, after_set)) => {
                    rest = after_set;
                    Token::One(set)
                }
                None => Token::One(Set {
                    ranges: vec![('[', '[')],
                    inside: true,
                }),
            },
            other => Token::One(Set {
                ranges: vec![(other, other)],
                inside: true,
            }),
        });
    }
    tokens
}

/// The set whose `[` was just read, and what follows its `]`; a `]` in first place is a member.
fn set(text: &[char]) -> Option<(Set, &[char])> {
    let (inside, text) = match text {
        ['!', rest @ ..] => (false, rest),
        _ => (true, text),
    };
    let end = 1 + text.iter().skip(1).position(|&char| char == ']')?;
    let (mut members, after) = text.split_at_checked(end)?;
    let mut ranges = Vec::new();
    while let Some((&low, rest)) = members.split_first() {
        // A range from high to low holds nothing, as in Python.
        let (range, rest) = match rest {
            ['-', high, rest @ ..] => ((low, *high), rest),
            _ => ((low, low), rest),
        };
        ranges.push(range);
        members = rest;
    }
    Some((
        Set { ranges, inside },
        after.split_first().map_or(&[][..], |(_, after)| after),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::fnmatch;

    #[test]
    fn answers_are_those_of_python() {
        // (name, pattern, fnmatch.fnmatchcase(name, pattern)) of Python 3.11.
        for (name, pattern, expected) in [
            ("a/b/c", "*", true),
            ("", "*", true),
            ("", "", true),
            ("a", "", false),
            ("a/b", "a*b", true),
            ("job/inputs/model/m.keras", "*/inputs/*", true),
            ("inputs/model", "*/inputs/*", false),
            ("x/inputs", "*/inputs/*", false),
            ("job/outputs/metrics.json", "*/outputs/metrics.json", true),
            (
                "job/outputs/metrics.json.bak",
                "*/outputs/metrics.json",
                false,
            ),
            ("abc", "a?c", true),
            ("ac", "a?c", false),
            ("b", "[abc]", true),
            ("d", "[abc]", false),
            ("d", "[!abc]", true),
            ("b", "[a-c]", true),
            ("]", "[]]", true),
            ("x", "[!]]", true),
            ("[a", "[a", true),
            ("-", "[a-]", true),
            ("-", "[-a]", true),
            ("b", "[c-a]", false),
            ("a\nb", "a?b", true),
            ("aaab", "*a*b", true),
            ("ab", "*a*a*b", false),
            ("A", "a", false),
            ("é", "?", true),
            ("[", "[", true),
            ("[]", "[]", true),
            ("[!]", "[!]", true),
            ("b-", "[a-c-]-", true),
            ("a.b", "a.b", true),
            ("axb", "a.b", false),
        ] {
            assert_eq!(fnmatch(name, pattern), expected, "{name:?} {pattern:?}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        assert!(!fnmatch(
            &"a".repeat(1024),
            &format!("{}b", "a*".repeat(500))
        ));
    }

    proptest! {
        #[test]
        fn never_panics_and_star_takes_all(name in "\\PC{0,40}", pattern in r"[ab*?\[\]!\-/]{0,20}") {
            let _ = fnmatch(&name, &pattern);
            let _ = fnmatch(&pattern, &pattern);
            prop_assert!(fnmatch(&name, "*"));
        }
    }
}
